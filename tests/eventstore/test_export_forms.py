"""Rows as bytes; no database."""

from __future__ import annotations

import pytest

from eventstore.exports import forms


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_a_csv_is_a_formula(text: str) -> None:
    layout = forms.Layout(form="csv", columns=["name"], times=())
    written = forms.body(layout, [{"name": text}], is_first=False).decode()
    assert written.strip('"\n') == f"'{text}"
    assert forms.head("csv", {"reason": text}).decode().startswith("# reason,")
    assert f"'{text}" in forms.head("csv", {"reason": text}).decode()
    assert forms.body(layout, [{"name": "a=1"}], is_first=False) == b"a=1\n"
