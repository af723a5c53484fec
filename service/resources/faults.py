"""Errors that no code of ours raised, as problems."""

from __future__ import annotations

import logging

from lowloss.errors import BytesMissing, InternalError, NotReady, Problem, StorageFull
from service.store.database import is_busy, is_out_of_space
from service.store.objects import BytesLost, LibraryMissing, ObjectStoreAway

logger = logging.getLogger(__name__)


def find_fault_of_server(error: Exception) -> Problem:
    """Return what is wrong with the server, and log it where its operator has to look."""
    if is_out_of_space(error):
        logger.error("a disk is full: %s", error)
        return StorageFull(
            "the server has no room left to store this", fix="ask its operator to make room"
        )
    if isinstance(error, ObjectStoreAway):
        logger.warning("%s", error)
        return NotReady(
            "the object store (LOWLOSS_BLOB_STORE) is away", fix="send the request again soon"
        )
    if isinstance(error, BytesLost):
        logger.error("%s", error)
        return BytesMissing(
            "stored bytes are missing in the object store (LOWLOSS_BLOB_STORE)",
            fix="upload them again where they are a table's; else ask the server's operator to "
            "restore the object that its log names",
        )
    if isinstance(error, LibraryMissing):
        logger.error("%s", error)
        return NotReady(
            "stored bytes are in an object store, and the server cannot read that",
            fix="ask its operator to install lowloss[s3] where the server is",
        )
    if is_busy(error):
        logger.warning("the database is away or busy: %s", error)
        return NotReady("the database is away or busy", fix="send the request again soon")
    logger.error("a request failed", exc_info=error)
    return InternalError(
        "the server failed to answer", fix="try again; the server's log has the reason"
    )
