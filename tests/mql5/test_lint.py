"""The lint finds nothing in our sources, and finds each thing that MQL5 does not take."""

import re
from pathlib import Path

import pytest

from tests.mql5 import lint
from tests.mql5.preprocess import sources

SHIM = "".join(path.read_text(encoding="utf-8") for path in (Path(__file__).parent / "shim").glob("*.hpp"))
HEAD = "#property strict\nclass LbThing {\npublic:\n   int m_x;\n};\nstruct LbPlain {\n   int x;\n};\n"


def found(tmp_path: Path, code: str) -> list[str]:
    path = tmp_path / "case.mqh"
    path.write_text(HEAD + code + "\n", encoding="utf-8")
    return [finding.what for finding in lint.check([path])]


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_our_sources_are_clean(path: Path) -> None:
    assert [str(finding) for finding in lint.check([path])] == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("void F() { auto x = 5; }", "auto"),
        ("void F() { int x = [](int y) { return y; }(5); }", "lambda"),
        ("void F(LbThing *p) { p->m_x = 1; }", "no ->"),
        ("namespace lb { int x; }", "namespace"),
        ("using namespace std;", "using"),
        ("using T = int;", "using"),
        ("typedef int Number;", "typedef"),
        ("void F() { std::string s; }", "std::string"),
        ("void F(const int &a[]) { for(int x : a) Print(x); }", "range-for"),
        ("void F(int &x) { int &y = x; }", "a reference as a variable"),
        ("void F(LbPlain p) { }", "handed over by value"),
        ("void F(MqlTick tick) { }", "handed over by value"),
        ("void F(int a[]) { }", "by reference"),
        ("LbPlain F() { LbPlain p; return p; }", "returned by value"),
        ("int &F(int &x) { return x; }", "returns a reference"),
        ("void F() { try { } catch(int e) { } }", "exception"),
        ("void F() { throw 5; }", "exception"),
        ("void F() { LbThing *p = nullptr; }", "nullptr"),
        ("class A { virtual bool F(int *number) = 0; };", "for objects of classes only"),
        ("void F() { int x = static_cast<int>(5.0); }", "C++ cast"),
        ("void F(LbThing *p) { LbThing *q = dynamic_cast<LbThing *>(p); }", "C++ cast"),
        ("class A { int m_x = 5; };", "default value"),
        ("class A { int m_x{5}; };", "default value"),
        ("template<typename T> void F(T x) { }", "template"),
        ("class A { virtual void F() override; };", "override"),
        ("class A { friend class B; };", "friend"),
        ("class A { A() = default; };", "default"),
        ("class A { explicit A(int x) { } };", "explicit"),
        ("class A { mutable int m_x; };", "mutable"),
        ("constexpr int X = 5;", "constexpr"),
        ('static_assert(1 == 1, "x");', "static_assert"),
        ("void F() noexcept { }", "noexcept"),
        ("void F() { goto end; end: return; }", "goto"),
        ("union U { int x; double y; };", "union"),
        ("[[nodiscard]] int F() { return 1; }", "attribute"),
        ("void F(int x) { int *p = &x; }", "pointer"),
        ("void F(int *p) { *p = 5; }", "pointer"),
        ("void F(LbThing **p) { }", "pointer to a pointer"),
        ("void F(LbThing &&p) { }", "rvalue"),
        ('void F() { string s = "a" + "b"; }', "with + between"),
        ('void F() { string s = "a" + 5; }', "with + between"),
        ('void F() { string s = "a" "b"; }', "side by side"),
        ('void F() { string s = u"a"; }', "prefix"),
        ('void F() { string s = "\\x41"; }', "escape"),
        ('void F() { string s = R"(a)"; }', "raw string"),
        ("void F() { long x = 5L; }", "the number 5L"),
        ("void F() { int x = 0b101; }", "the number 0b101"),
        ("void F() { int x = 1'000; }", ""),
        ("void F() { size_t x = 5; }", "size_t"),
        ("void F() { unsigned x = 5; }", "unsigned"),
        ("void F() { int8_t x = 5; }", "no type int8_t"),
        ("void F() { if(true and false) return; }", "and"),
        ("void F() { memcpy(1, 2, 3); }", "memcpy is neither"),
        ("void F() { StringTrim(1); }", "StringTrim is neither"),
        ("void F() { int x = MODE_TRADES; }", "MODE_TRADES is neither"),
        ("void F() { int a[], b[]; }", "more than one array"),
        ("void F() { int a[2][3]; }", "two dimensions"),
        ("void F() { LbPlain p = {1}; }", "list of values for objects"),
        ("void F() { int x{5}; }", ""),
        ("void F() { LbThing *p = new LbThing[5]; }", "new of an array"),
        ("#if LB_X\n#endif", "#if"),
        ("#pragma once", "directive"),
        ("void F(int x, ...) { }", ""),
        ("void F() { int x = (1, 2); }", "comma"),
        ("bool operator==(const int a, const LbPlain &b) { return true; }", "operator"),
        ("extern int x;", "extern"),
        ("inline int F() { return 1; }", "inline"),
        ("void F() -> int { }", ""),
        ("class Inner { void F() { ; };", "not understood"),
        ("void F() {\treturn; }", "a tab"),
        ("void F() { return; } ", "a blank at the end"),
        ("// " + "x" * 120, "longer than 120"),
        ("int F(const int x) { return Foo(x); }", "Foo is neither"),
        ("void F(const int x) { if(x > 0) return; else Foo(x); }", "Foo is neither"),
        ("bool F(const int x) { return isdigit(x) != 0; }", "isdigit is neither"),
        ("void F() { double x = 0; fabs(x); }", "fabs is neither"),
        ("void F(const string s) { Print(s.utf8()); }", "a method utf8"),
        ("void F(const int &a[]) { Print(a.size()); }", "a method size"),
        ("int F() { return errno; }", "errno is neither"),
        ("string F() { return __func__; }", "__func__ is neither"),
        ("int F() { return X_SIZE; }", "X_SIZE is neither"),
        ("void F() { int n = 3; int a[n]; }", "the size n"),
        ("void F() { const int n = 3; int a[n]; }", "the size n"),
        ("class A { int m_n; int m_a[m_n]; };", "the size m_n"),
        ("void F() { LbPlain *p = NULL; }", "pointers are for objects of classes only"),
        ("void F() { delete new LbPlain(); }", "new LbPlain"),
        ("void F() { delete new MqlTick(); }", "new MqlTick"),
        ("class A : public LbThing, public LbPlain { };", "more than one base class"),
        ("struct S { int x : 3; };", "bit-fields"),
        ("void F(LbThing *p) { delete[] p; }", "delete of an array"),
        ("int F(int x) { return x ?: 5; }", "?:"),
        ("void F() { if(int x=5; x>3) return; }", "a declaration in a condition"),
        ("void F() { if(int x=5) return; }", "a declaration in a condition"),
        ("void F() { while(int x=5) return; }", "a declaration in a condition"),
        ("void F() { struct L { int x; }; }", "a struct inside"),
        ("void F() { class L { int x; }; }", "a class inside"),
        ("class A { struct L { int x; }; };", "a struct inside"),
        ("void F() { enum E { LB_ONE }; }", "an enum inside"),
        ("void F() { struct LbPlain p; }", "a struct said again"),
        ("void F() { int G(int x); }", "a prototype"),
        ("void F() { LbThing t(); }", "a prototype"),
        ("void F(LbThing &t) { t.~LbThing(); }", "a destructor that is called"),
        ("struct { int x; } s;", "a struct without a name"),
        ("struct S { struct { int x; }; };", "a struct without a name"),
        ("enum class E { LB_ONE };", "an enum with a class"),
        ("enum E : int { LB_ONE };", "an enum with a class or a type"),
        ('void F() { asm("nop"); }', "asm"),
        ("void F() { MqlNonsense t; }", "no type MqlNonsense"),
        ("void F(const ENUM_NONSENSE t) { }", "no type ENUM_NONSENSE"),
        ("void F() { long long x = 5; }", "no type long long"),
        ('void F() { string s("a"); }', "a value in brackets"),
        ("void F() { int x(5); }", "a value in brackets"),
        ("void F() { int x = {5}; }", "braces for a value"),
        ("void G(const LbThing &t) { }\nvoid F() { G(LbThing()); }", "an object of LbThing without a name"),
        ("void F() { LbPlain p = LbPlain(); }", "an object of LbPlain without a name"),
        ("void G(const MqlTick &t) { }\nvoid F() { G(MqlTick()); }", "an object of MqlTick without a name"),
        ("void F() { int x = ({ 5; }); }", "statements as a value"),
        ("class A { operator int() { return 1; } };", "operator"),
        ("void F() { int (*f)(int) = NULL; }", "brackets around a declarator"),
        ("int F() { return 010; }", "the number 010"),
        ("#define LB_F(x) isdigit(x)", "a macro with parameters"),
        ("#define LB_F isdigit(5)", "a macro that is more"),
    ],
)
def test_what_mql5_does_not_take_is_found(tmp_path: Path, code: str, said: str) -> None:
    findings = found(tmp_path, code)
    assert findings, "nothing was found"
    assert any(said in finding for finding in findings), findings


@pytest.mark.parametrize(
    "code",
    [
        'input group "Account"\ninput int InpMagic = 7; // magic\nsinput string InpName = "x";',
        "void F() { datetime t = D'2026.03.04 10:00'; color c = C'1,2,3'; ushort u = 'x'; }",
        '#import "libzmq.dll"\nint zmq_errno();\n#import\nvoid F() { int x = zmq_errno(); }',
        "void F(const uchar &bytes[], LbThing &thing, LbThing *pointer, const LbPlain &plain) { pointer.m_x = 1; }",
        "class A { virtual bool F() = 0; virtual ~A() { } };",
        "class A { virtual bool F(LbThing *thing) = 0; virtual ~A() { } };",
        "class A { private: LbThing *m_things[]; uchar m_bytes[64]; public: A() : m_x(1) { } int m_x; };",
        "enum ENUM_LB_CASE { LB_CASE_ONE, LB_CASE_TWO };\nint F(ENUM_LB_CASE c) { return c == LB_CASE_ONE ? 1 : 2; }",
        "const double LB_THINGS[] = {1.0, 2e3};",
        "#define LB_LIMIT 5\n#ifndef LB_OTHER\n#define LB_OTHER\n#endif\nint F() { return LB_LIMIT; }",
        "void F() { MqlTick tick; ZeroMemory(tick); LbThing *p = new LbThing(); delete p; }",
        'string F(const string name) { return "a" + name + "b" + IntegerToString(5); }',
        "void F() { int a[] = {1, 2}; for(int i = 0; i < ArraySize(a); i++) a[i] = -1; }",
        "#define LB_COUNT 5\nclass A { int m_a[LB_COUNT]; };\nvoid F() { double b[3]; }",
        "class LbLater;\nclass A : public LbThing { LbLater *m_later; public: A(const int x) { } ~A() { } };",
        "class A { public: A(const int x) { } };\nvoid F() { A thing(5); A *made = new A(6); delete made; }",
        "int G(const int x) { return x; }\nint F() { int y = int(5.0); return G(y) + G((int)0.5); }",
        "void F() { string s = _Symbol; Print(s, 0.5, 1.0e-3, 0); }",
    ],
)
def test_what_mql5_takes_is_not_found(tmp_path: Path, code: str) -> None:
    assert found(tmp_path, code) == []


def test_what_one_file_calls_is_not_known_in_all_of_them() -> None:
    """`return Foo(` and `else Foo(` look like a type, a name and a bracket."""
    names = lint.known(["#property strict\nint F(const int x) { if(x > 0) return Foo(x); else Bar(x); return 0; }\n"])
    assert "F" in names.functions
    assert not {"Foo", "Bar"} & names.functions


@pytest.mark.parametrize("name", sorted(lint.mql5_names()))
def test_the_shim_has_every_name_of_the_list(name: str) -> None:
    assert name == "NULL" or re.search(rf"\b{name}\b", SHIM)


def test_a_file_without_property_strict_or_with_a_mark_is_found(tmp_path: Path) -> None:
    path = tmp_path / "case.mqh"
    path.write_text("\ufeffint x;\r\n", encoding="utf-8", newline="")
    findings = " ".join(finding.what for finding in lint.check([path]))
    for said in ("byte order mark", "#property strict is missing", "carriage return"):
        assert said in findings
