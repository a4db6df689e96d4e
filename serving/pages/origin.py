"""Forms are taken from our own pages alone (CSRF)."""

from urllib.parse import urlsplit

from fastapi import Request

from serving.problem import ForbiddenError


async def same_origin(request: Request) -> None:
    """Stops a form that another site sent, or of which nobody can say who sent it.

    Browsers say where a form comes from in headers that a page cannot set (Fetch Metadata; RFC 6454).

    Raises:
        ForbiddenError: It was not sent from here.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site != "same-origin":
            raise ForbiddenError
        return
    origin = request.headers.get("Origin", "")
    if not origin or urlsplit(origin).netloc != request.headers.get("Host"):
        raise ForbiddenError


async def no_other_site(request: Request) -> None:
    """Stops a form that a page of another site sent; programs that are no browsers say nothing and may send it.

    For addresses that let in by a signature of their own, as mail programs must be able to use them (RFC 8058).

    Raises:
        ForbiddenError: A browser says that it was not sent from here.
    """
    if "Sec-Fetch-Site" in request.headers or "Origin" in request.headers:
        await same_origin(request)
