"""The files of results: what the pages are written from, and no more."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

DIGITS = 8


def current_commit(*written: str) -> str:
    """Describe the commit, and whether files differ from it, but for what a run has `written`."""
    commit = subprocess.check_output(["git", "describe", "--always"], text=True).strip()
    excluded = [f":(exclude,top){path}" for path in written]
    difference = ["git", "diff", "--quiet", "HEAD", "--", ":(top)", *excluded]
    is_clean = subprocess.run(difference, check=False).returncode == 0
    return commit if is_clean else f"{commit}-dirty"


def write_results(path: Path, results: dict[str, Any]) -> None:
    """Write results as JSON, each entry of a part on a line of its own."""
    parts = ",\n".join(f"{json.dumps(name)}: {_layout(part)}" for name, part in results.items())
    path.write_text(f"{{\n{parts}\n}}\n")


def _layout(part: Any) -> str:
    match part:
        case dict() if part:
            lines = [f"{json.dumps(key)}: {json.dumps(_rounded(part[key]))}" for key in part]
            return "{\n  " + ",\n  ".join(lines) + "\n}"
        case list() if part:
            return "[\n  " + ",\n  ".join(json.dumps(_rounded(entry)) for entry in part) + "\n]"
        case _:
            return json.dumps(_rounded(part))


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return float(f"{value:.{DIGITS}g}")
        case dict():
            return {key: _rounded(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_rounded(entry) for entry in value]
        case _:
            return value
