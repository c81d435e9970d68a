"""An XML document that is read with `xml.dom.minidom` and let go of."""

from __future__ import annotations

from xml.dom.minidom import parseString

TEXT = "<order id='7'><line>tea</line></order>"


def faulty() -> str:
    document = parseString(TEXT)
    return document.documentElement.getAttribute("id")


# --- mended: as the report says ---


def mended() -> str:
    with parseString(TEXT) as document:
        return document.documentElement.getAttribute("id")
