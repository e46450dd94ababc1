"""A link as a QR code: SVG, made here, so that no other site learns of the link."""

import io

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

PATH = "share/qr.svg"
LONGEST = 900  # characters: a code of more is not read from a wall by a phone


def code_of(text: str) -> bytes:
    """SVG, four modules of quiet around it. Raises ImportError where segno is not installed, ValueError for a text that
    is too long."""
    import segno

    if not 0 < len(text) <= LONGEST:
        raise ValueError(f"a code holds 1 to {LONGEST} characters")
    out = io.BytesIO()
    segno.make(text, error="l", micro=False, boost_error=True).save(out, kind="svg", scale=4, border=4, light="#fff")
    return out.getvalue()


def answer(request: Request) -> Response:
    """The code of the parameter `text`."""
    try:
        code = code_of(request.query_params.get("text", ""))
    except ValueError as error:
        raise HTTPException(413, str(error)) from error
    except ImportError as error:
        raise HTTPException(501, "A QR code needs the package segno: pip install segno") from error
    return Response(code, media_type="image/svg+xml", headers={"cache-control": "no-store"})
