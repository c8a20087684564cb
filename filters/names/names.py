"""Names, compared as people read them.

`key` of two names is one text where they differ only in letter case, in the form in which their characters are encoded, in white
space, or in what cannot be seen. Rust and JavaScript have the same in pmp-filter-sdk and names.js; all are held to one table. What
they go by is NFKC_Casefold (The Unicode Standard, 3.13).
"""

import re
from unicodedata import normalize

# White space as Rust, JavaScript and Python have it together; NFKC makes a space of all other kinds.
_SPACE = re.compile("[\t-\r\x1c-\x20\x85\u1680\u2028\u2029]+")
# Default_Ignorable_Code_Point, written out: Python does not know it.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def key(name: str) -> str:
    """What is compared of a name."""
    text = normalize("NFD", name)
    # Twice: what is taken apart may have to be folded, and what is folded, to be put together.
    for _ in range(2):
        text = normalize("NFKC", _INVISIBLE.sub("", text).casefold())
    return _SPACE.sub(" ", _INVISIBLE.sub("", text)).strip(" ")
