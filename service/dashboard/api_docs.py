"""/docs: the API to read and to try, by Swagger UI."""

from __future__ import annotations

from fastapi import Request, Response

from service.dashboard.pages import make_router, render_page

router = make_router()


@router.get("/docs")
async def show_api(request: Request) -> Response:
    """Show all routes of the API."""
    return render_page(request, "docs")
