"""The preprocessor's rewriting, and that the shim is as strict as MQL5."""

import subprocess
from pathlib import Path

import pytest

from tests.mql5 import builds, preprocess
from tests.mql5.conftest import Program


def rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> str:
    """A source's lines as C++, without the head."""
    monkeypatch.setattr(preprocess, "ROOT", tmp_path)
    path = tmp_path / "case.mqh"
    path.write_text(code, encoding="utf-8")
    text = preprocess.Rewriter(path, preprocess.collect([path])).rewritten()
    return text.split("\n", 2)[2].removesuffix("\n")


@pytest.mark.parametrize(
    ("code", "made"),
    [
        ('string s = "a\\"b";', 'string s = string(u"a\\"b");'),
        ("int c = 'x';", "int c = ((ushort)u'x');"),
        ("color c = C'1,2,0x3';", "color c = ((color)197121);"),
        ("datetime d = D'1970.01.02 00:01';", "datetime d = ((datetime)86460);"),
        ("void F(const uchar &b[], string &s[]) {}", "void F(const Array<uchar> &b, Array<string> &s) {}"),
        ("uchar m_b[];", "Array<uchar> m_b;"),
        ("uchar m_b[64];", "Array<uchar> m_b = Array<uchar>::OfSize(64);"),
        ("double d[] = {1, 2};", "Array<double> d = {1, 2};"),
        ("int x = a[i] & b[j];", "int x = a[i] & b[j];"),
        ("return a[0];", "return a[0];"),
        ("class A {}; A *m_a[]; ", "class A {}; Array<A *> m_a; "),
        ("class A {}; A *p; p.X(p.y); q.X();", "class A {}; A *p; p->X(p->y); q.X();"),
        ("class A {}; A *m_a[]; m_a[f(1)].X();", "class A {}; Array<A *> m_a; m_a[f(1)]->X();"),
        ("class A {}; A *Make(int x) {} int y = Make(2).x;", "class A {}; A *Make(int x) {} int y = Make(2)->x;"),
        ("this.x = 1.5;", "this->x = 1.5;"),
        ("input int X = 5; // why", "int X = 5; // why"),
        ('input group "Money"\nsinput double Y = 1;', "\ndouble Y = 1;"),
        ("#property strict", "//#property strict"),
        ("// \"a\" -> D'x' p.X", "// \"a\" -> D'x' p.X"),
    ],
)
def test_a_source_is_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, made: str) -> None:
    assert rewritten(tmp_path, monkeypatch, code) == made


def test_lines_keep_their_numbers_over_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = '#import "x.dll"\nint f(const uchar &b[], ulong n); // why\nlong g();\n#import\nint last;'
    lines = rewritten(tmp_path, monkeypatch, code).split("\n")
    assert lines[1] == (
        'inline int f(const Array<uchar> &b, ulong n) { return shim::dll_call<int>("x.dll", "f", b, n); }'
    )
    assert "g()" in lines[2]
    assert lines[4] == "int last;"


@pytest.mark.parametrize(
    "code",
    [
        "p->X();",
        "int a[2][3];",
        "#include <Nothing.mqh>",
        "datetime d = D'yesterday';",
        '#import "x"\nint f(\n);\n#import',
    ],
)
def test_what_is_not_understood_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    with pytest.raises(preprocess.SourceError):
        rewritten(tmp_path, monkeypatch, code)


# The shim -----------------------------------------------------------------------------------------------------------

FATAL = {
    "Array<int> a; a.resize(3, 0); return a[3];": "array out of range: index 3 of 3",
    "Array<int> a; return a[-1];": "array out of range: index -1 of 0",
    "Array<int> a = Array<int>::OfSize(3); ArrayResize(a, 4);": "ArrayResize of a fixed array",
    "Array<uchar> a; a.resize(3, 0); ArrayCopy(a, a);": "ArrayCopy onto itself",
    'StringFormat(string(u"%s"), 5);': "for a number",
    'StringFormat(string(u"%d"), 5L);': "another width",
    'StringFormat(string(u"%d"));': "too few values",
    'StringFormat(string(u"x"), 5);': "too many values",
    "StringGetCharacter(string(), 0);": "outside the text",
    "Array<uchar> a; SocketRead(SocketCreate(), a, 1, 0);": "two minutes",
    'SocketConnect(SocketCreate(), string(u"127.0.0.1"), 443, 5);': "TLS",
}


@pytest.fixture(scope="module", name="cases")
def _cases(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Path:
    """A program whose n-th case is the n-th of the above."""
    folder = tmp_path_factory.mktemp("cases")
    arms = "".join(f"if (n == {n}) {{ {code} }}\n" for n, code in enumerate(FATAL))
    source = folder / "cases.cpp"
    source.write_text(
        '#include "mql5.hpp"\nint main(int, char **v) { int n = std::atoi(v[1]);\n' + arms + "return 0; }\n",
        encoding="utf-8",
    )
    binary = folder / "cases"
    command = [str(builds.compiler()), "-std=c++17", "-g", "-isystem", str(builds.HERE / "shim"), str(source)]
    subprocess.run([*command, "-o", str(binary), "-ldl"], check=True)
    return binary


@pytest.mark.parametrize("number", range(len(FATAL)))
def test_a_mistake_that_mql5_punishes_stops_the_program(cases: Path, number: int) -> None:
    made = subprocess.run([cases, str(number)], capture_output=True, text=True, check=False)
    assert made.returncode != 0
    assert list(FATAL.values())[number] in made.stderr
