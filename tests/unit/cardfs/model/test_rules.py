"""Access rules as a profile writes them: what is no rule is refused with the place of the mistake."""

import pytest

from cardfs.model.rules import MAX_DEPTH, MAX_LENGTH, RuleSyntax, parse_rule
from keys.records import KeyRef


def resolve(name: str) -> KeyRef:
    return KeyRef("3F00", name)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("PIN)", "')' was not expected in rule 'PIN)'"),
        ("PIN UK", "'UK' was not expected in rule 'PIN UK'"),
        ("PIN + UK", "'+' was not expected in rule 'PIN + UK'"),
        ("(PIN | UK", "a closing bracket is missing in rule '(PIN | UK'"),
        ("(PIN & UK | RK", "a closing bracket is missing in rule '(PIN & UK | RK'"),
        ("PIN |", "a name is missing in rule 'PIN |'"),
        ("& PIN", "a name is missing in rule '& PIN'"),
        ("()", "a name is missing in rule '()'"),
        ("", "a name is missing in rule ''"),
        ("(" * (MAX_DEPTH + 1) + "PIN", f"a rule has at most {MAX_DEPTH} brackets within each other"),
        (" " * (MAX_LENGTH + 1), f"a rule has at most {MAX_LENGTH} characters, this one has {MAX_LENGTH + 1}"),
    ],
)
def test_what_is_no_rule_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(RuleSyntax) as refused:
        parse_rule(text, resolve)
    assert str(refused.value) == sentence


def test_brackets_as_deep_as_allowed() -> None:
    text = "(" * MAX_DEPTH + "PIN" + ")" * MAX_DEPTH
    assert parse_rule(text, resolve).text == "PIN"
