"""Renders a page: a template over one frozen context, with everything escaped."""

import secrets
from functools import partial

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from serving import formats
from serving.assets import Assets
from serving.pages.frame import Frame


class Templates:
    """The templates of this package."""

    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=PackageLoader("serving"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["asset"] = assets.url
        self._environment.globals["new_key"] = partial(secrets.token_urlsafe, 12)
        numbers = (formats.percent, formats.chance, formats.points, formats.decimal, formats.counted)
        for write in (*numbers, formats.day, formats.short_day):
            self._environment.filters[write.__name__] = write

    def page(self, name: str, page: object, frame: Frame, *, status: int = 200) -> HTMLResponse:
        """A page from its template, its own context and the frame around it."""
        return HTMLResponse(self._environment.get_template(name).render(page=page, frame=frame), status)
