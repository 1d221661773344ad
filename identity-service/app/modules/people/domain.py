"""Which passwords may be chosen: a pure rule (OWASP ASVS 5.0, section 6.2; NIST SP 800-63B-4)."""

import re
import unicodedata
from enum import StrEnum
from functools import cache

SHORTEST, LONGEST = 8, 256

# What an attacker tries first: it counts for nothing in a password, in any case and with the usual
# digits in place of letters.
_TRIED_FIRST = """
abc access account admin administrator alexander andrea angel apple ashley austin baby bailey
banana baseball basket batman battle beautiful bitcoin blink bonjour buster butterfly changeme
charlie cheese chelsea chocolate computer cookie corvette cowboy daniel default diamond dragon
eagle elephant family ferrari flower football freedom friend george ginger golfer google
guest guitar hallo harley hello hockey hunter iloveyou internet jackson jennifer jessica
jordan joshua killer kitten letmein liverpool login london lovely loveme maggie manchester market
master matrix matthew maverick mercedes merlin michael michelle minecraft monkey mustang naruto
nicole nothing ninja orange pass passphrase passw0rd password passwort pepper phoenix player pokemon
porsche princess purple qwerty ranger robert root samsung secret secure security shadow silver
slipknot snoopy soccer spiderman starwars summer sunshine superman system taylor temp tennis test
thomas thunder tigger trustme trustno unknown user victoria welcome whatever william winner winter
yankees zxcvbn spring autumn january february march april june july august september october
november december monday friday sunday
phasezero phase zero
"""
_WORDS = _TRIED_FIRST.split()
_LINES = (
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik",
    "qazwsxedcrfvtgbyhnujm",
)
_SHORTEST_RUN = 4
_SHORTEST_CONTEXT = 4
_LEAST_OF_ONES_OWN = 6
_LOOKS_LIKE = str.maketrans("0134578@$!|i", "oleastbaslll")
_REPETITION = re.compile(r"(.+?)\1+")


class Weakness(StrEnum):
    """Why a password may not be chosen."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_COMMON = "too_common"


def weakness_of(password: str, email: str) -> Weakness | None:
    """What is wrong with a password for the account of `email`; None for one that may be chosen.

    No class of characters is asked for (6.2.5). Words that many people use, runs of the keyboard,
    repetitions, and parts of the address or of the product's name do not count (6.2.11): what is
    left of it must still be something. The 30,000 passwords that are used most are refused as they
    stand (6.2.4 asks for 3,000).
    """
    if len(password) > LONGEST:
        # Before anything is done with it, whose time grows with its length.
        return Weakness.TOO_LONG
    text = unicodedata.normalize("NFKC", password)
    if len(text) < SHORTEST:
        return Weakness.TOO_SHORT
    if len(text) > LONGEST:
        return Weakness.TOO_LONG
    plain = text.lower()
    if plain in _most_used():
        return Weakness.TOO_COMMON
    words = [*_WORDS, *_parts_of(email)]
    own = min(_own_characters(form, words) for form in (plain, plain.translate(_LOOKS_LIKE)))
    return Weakness.TOO_COMMON if own < _LEAST_OF_ONES_OWN else None


@cache
def _most_used() -> frozenset[str]:
    # Its module is large, and only those who set a password need it.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415

    return frozenset(FREQUENCY_LISTS["passwords"])


def _parts_of(email: str) -> list[str]:
    address = email.lower()
    return [address, *(part for part in re.split(r"[\W_]+", address) if part)]


def _own_characters(form: str, words: list[str]) -> int:
    """How many characters are left when everything that is known is taken away."""
    left = _without_runs(form)
    for word in sorted({*words, *(word.translate(_LOOKS_LIKE) for word in words)}, key=len)[::-1]:
        if len(word) >= _SHORTEST_CONTEXT:
            left = left.replace(word, "")
    return len(_REPETITION.sub(r"\1", left))


def _without_runs(form: str) -> str:
    """`form` without parts of a line of the keyboard, forwards or backwards."""
    lines = [*_LINES, *(line[::-1] for line in _LINES)]
    kept, position = "", 0
    while position < len(form):
        end = position + _SHORTEST_RUN
        if not any(form[position:end] in line for line in lines) or end > len(form):
            kept += form[position]
            position += 1
            continue
        while end < len(form) and any(form[position : end + 1] in line for line in lines):
            end += 1
        position = end
    return kept
