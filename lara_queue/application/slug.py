"""``Str::slug``, which key prefixes are made with. Mirrors it in ``Support/Str``, and ``ascii`` for Latin letters."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["slug"]

_WORDS = str.maketrans(
    {
        **{"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D"},
        **{"ł": "l", "Ł": "L", "þ": "th", "Þ": "TH", "ð": "d", "Ð": "D", "ı": "i", "’": "'", "‘": "'", "“": '"'},
        **{"”": '"', "–": "-", "—": "-", "…": "...", "\xa0": " ", "€": "EUR", "£": "GBP", "™": "(tm)", "©": "(c)"},
    }
)


def slug(title: str, separator: str = "-") -> str:
    """The title as a name: lower case, words joined by the separator, nothing but letters and digits besides.

    Letters with marks lose them and a few others are written out, as Laravel does; of scripts other than Latin nothing
    is left, where Laravel would transliterate.

    >>> slug("My Café_App", "_"), slug("Acme.io"), slug("a@b"), slug("  --x__y  ", "_")
    ('my_cafe_app', 'acmeio', 'a-at-b', 'x_y')
    """
    title = unicodedata.normalize("NFKD", title.translate(_WORDS))
    title = "".join(char for char in title if char.isascii())
    title = re.sub(f"[{'_' if separator == '-' else '-'}]+", lambda _: separator, title)
    title = title.replace("@", f"{separator}at{separator}").lower()
    kept = re.escape(separator)
    title = re.sub(f"[^{kept}a-z0-9\\s]+", "", title)
    return re.sub(f"[{kept}\\s]+", lambda _: separator, title).strip(separator or None)
