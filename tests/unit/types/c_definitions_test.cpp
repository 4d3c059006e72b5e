#include "base/diag/settings.h"
#include "types/c_definitions.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "fake_host.h"

namespace awl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The same text is read by the C++ compiler and by awl.
#define SAMPLE                                                                                                                     \
  enum colour { red, green = 5, blue = -1 };                                                                                       \
  enum wide : unsigned char { narrow_one = 1 };                                                                                    \
  struct inner {                                                                                                                   \
    char c;                                                                                                                        \
    long l;                                                                                                                        \
  };                                                                                                                               \
  struct sample {                                                                                                                  \
    char name[16];                                                                                                                 \
    unsigned a : 3;                                                                                                                \
    int b : 7;                                                                                                                     \
    unsigned long long c : 40;                                                                                                     \
    short grid[2][3];                                                                                                              \
    struct inner in;                                                                                                               \
    union {                                                                                                                        \
      unsigned long whole;                                                                                                         \
      struct {                                                                                                                     \
        unsigned low, high;                                                                                                        \
      };                                                                                                                           \
    };                                                                                                                             \
    struct {                                                                                                                       \
      unsigned char deep;                                                                                                          \
    } named;                                                                                                                       \
    void (*call)(int);                                                                                                             \
    struct sample *next;                                                                                                           \
    const char *text;                                                                                                              \
    enum colour kind;                                                                                                              \
    bool flag;                                                                                                                     \
    double real;                                                                                                                   \
    char lines[4][8];                                                                                                              \
    unsigned char tail[];                                                                                                          \
  };                                                                                                                               \
  struct __attribute__((packed)) tight {                                                                                           \
    char c;                                                                                                                        \
    long l;                                                                                                                        \
    short s;                                                                                                                       \
  };                                                                                                                               \
  union either {                                                                                                                   \
    int i;                                                                                                                         \
    char bytes[7];                                                                                                                 \
  };                                                                                                                               \
  typedef struct inner inner_name;                                                                                                 \
  typedef unsigned int (*callback)(void);                                                                                          \
  typedef unsigned short port_number;
#define QUOTE_(...) #__VA_ARGS__
#define QUOTE(...) QUOTE_(__VA_ARGS__)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
namespace compiled {
SAMPLE
}
#pragma GCC diagnostic pop

struct CDefinitionsTest : testing::Test {
  FakeHost host;
  TypeTable types{host};
  Sources sources;
  Diagnostics diagnostics{sources};
  CSettings settings;

  CDefinitionsTest() {
    host.vmlinux = make_sample_btf();
    host.variables["BPFTRACE_KERNEL_SOURCE"] = "/nonexistent";
  }

  // Reads `c` as the C of a script in which `rest` follows.
  bool define(std::string c, std::string rest = "", std::string name = "test.bt") {
    uint32_t file = sources.add(std::move(name), c + "\n" + rest);
    CText text{{file, 0, static_cast<uint32_t>(c.size())}, std::string_view(sources.file(file).text).substr(0, c.size())};
    return define_c(types, std::span(&text, 1), settings, host, diagnostics);
  }
  std::string errors() { return render(diagnostics, {}); }
  const Member& member(const char* structure, const char* name) {
    static const Member none{.type = types.none()};
    Type t = types.find_structure(structure);
    const Member* m = t ? types.member(t, name) : nullptr;
    EXPECT_TRUE(m) << structure << "." << name;
    return m ? *m : none;
  }
};

TEST_F(CDefinitionsTest, NothingIsLoadedWithoutC) {
  std::string_view nowhere[] = {"libnowhere.so"};
  settings.libraries = nowhere;
  EXPECT_TRUE(define_c(types, {}, settings, host, diagnostics));
  EXPECT_EQ(host.btf_loads, 0u);
}

TEST_F(CDefinitionsTest, SaysWhatToInstall) {
  std::string_view nowhere[] = {"libnowhere.so"};
  settings.libraries = nowhere;
  EXPECT_FALSE(define("struct x { int a; };"));
  ASSERT_EQ(diagnostics.error_count(), 1u);
  EXPECT_EQ(diagnostics.all()[0].row, &Diag::c_parser);
  EXPECT_THAT(errors(), HasSubstr("C definitions need libclang, which is not installed"));
  EXPECT_THAT(errors(), HasSubstr("libclang1-19"));
}

#define EXPECT_LAYOUT(structure, field)                                                      \
  EXPECT_EQ(member(#structure, #field).offset, offsetof(compiled::structure, field)) << #field; \
  EXPECT_EQ(member(#structure, #field).type->size, sizeof(compiled::structure::field)) << #field

TEST_F(CDefinitionsTest, LayoutsAreTheCompilers) {
  ASSERT_TRUE(define("#define bool _Bool\n" QUOTE(SAMPLE))) << errors();
  Type sample = types.find_structure("sample");
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->size, sizeof(compiled::sample));
  EXPECT_EQ(sample->align, alignof(compiled::sample));
  EXPECT_EQ(sample->btf_id, 0u);
  EXPECT_LAYOUT(sample, name);
  EXPECT_LAYOUT(sample, grid);
  EXPECT_LAYOUT(sample, in);
  EXPECT_LAYOUT(sample, whole);
  EXPECT_LAYOUT(sample, low);
  EXPECT_LAYOUT(sample, high);
  EXPECT_LAYOUT(sample, named);
  EXPECT_LAYOUT(sample, call);
  EXPECT_LAYOUT(sample, next);
  EXPECT_LAYOUT(sample, text);
  EXPECT_LAYOUT(sample, kind);
  EXPECT_LAYOUT(sample, flag);
  EXPECT_LAYOUT(sample, lines);
  EXPECT_EQ(member("sample", "real").offset, offsetof(compiled::sample, real));
  EXPECT_EQ(member("sample", "tail").offset, offsetof(compiled::sample, tail));
  EXPECT_EQ(types.find_structure("tight")->size, sizeof(compiled::tight));
  EXPECT_LAYOUT(tight, l);
  EXPECT_LAYOUT(tight, s);
  EXPECT_EQ(types.find_structure("either")->size, sizeof(compiled::either));
  EXPECT_TRUE(types.find_structure("either")->is_union);
  EXPECT_LAYOUT(either, bytes);
  EXPECT_LAYOUT(inner, l);
}

TEST_F(CDefinitionsTest, TypesOfMembers) {
  ASSERT_TRUE(define("#define bool _Bool\n" QUOTE(SAMPLE))) << errors();
  Type sample = types.find_structure("sample");
  EXPECT_EQ(member("sample", "name").type, types.string(16));
  EXPECT_EQ(member("sample", "grid").type, types.array(types.array(types.integer(2, true), 3), 2));
  EXPECT_EQ(member("sample", "lines").type, types.array(types.string(8), 4));
  EXPECT_EQ(member("sample", "tail").type, types.array(types.integer(1, false), 0));
  EXPECT_EQ(member("sample", "next").type, types.pointer(sample));
  EXPECT_EQ(member("sample", "text").type, types.pointer(types.integer(1, true)));
  EXPECT_EQ(member("sample", "call").type, types.pointer(nullptr));
  EXPECT_EQ(member("sample", "flag").type, types.boolean());
  EXPECT_EQ(member("sample", "real").type, types.none());
  EXPECT_EQ(TypeTable::text(member("sample", "kind").type), "enum colour");
  EXPECT_EQ(TypeTable::text(member("sample", "named").type), "struct <anonymous>");
  EXPECT_EQ(types.member(member("sample", "named").type, "deep")->type, types.integer(1, false));
  EXPECT_EQ(types.find_named("inner_name"), types.find_structure("inner"));
  EXPECT_EQ(types.find_named("callback"), types.pointer(nullptr));
  EXPECT_EQ(types.find_named("port_number"), types.integer(2, false));
  EXPECT_EQ(types.members(sample).size(), 18u);
  EXPECT_EQ(types.describe(sample).elements.size(), 18u);
}

TEST_F(CDefinitionsTest, BitFieldsReadWhatTheCompilerWrites) {
  ASSERT_TRUE(define("#define bool _Bool\n" QUOTE(SAMPLE))) << errors();
  compiled::sample value{};
  value.a = 5;
  value.b = -3;
  value.c = 0x12345678ab;
  auto read = [&](const char* name) {
    const Member& m = member("sample", name);
    uint64_t raw = 0;
    std::memcpy(&raw, reinterpret_cast<const char*>(&value) + m.offset, sizeof(raw));
    return (raw >> m.bit_offset) & ((uint64_t{1} << m.bit_size) - 1);
  };
  EXPECT_EQ(read("a"), 5u);
  EXPECT_EQ(read("b"), uint64_t{125});
  EXPECT_EQ(read("c"), 0x12345678abu);
  EXPECT_TRUE(member("sample", "b").type->is_signed);
}

TEST_F(CDefinitionsTest, Enumerators) {
  ASSERT_TRUE(define("enum colour { red, green = 5, blue = -1 }; struct s { enum { nested = 7 } x; }; enum { loose = 1ull << 40 };")) << errors();
  EXPECT_EQ(types.find_enumerator("green")->first, 5u);
  EXPECT_EQ(types.find_enumerator("blue")->first, ~uint64_t{0});
  EXPECT_TRUE(types.find_enumerator("blue")->second->is_signed);
  EXPECT_EQ(types.find_enumerator("nested")->first, 7u);
  EXPECT_EQ(types.find_enumerator("loose")->first, uint64_t{1} << 40);
  EXPECT_EQ(types.find_enumerator("loose")->second->size, 8u);
  EXPECT_EQ(types.find_enumerator("PIDTYPE_TGID")->first, 1u);  // the kernel's
  EXPECT_EQ(types.find_enumeration("colour")->enumerators.size(), 3u);
}

TEST_F(CDefinitionsTest, Constants) {
  ASSERT_TRUE(define("#define EIGHT (1 << 3)\n#define NAME \"abc\" \"def\"\n#define NEGATIVE -5\n#define BIG 0xffffffffffffffffULL\n"
                     "#define CHAIN (EIGHT | sizeof(long) << 4)\n#define LETTER 'a'\n#define CALL(x) x\n#define TASK curtask->pid\n#define EMPTY\n"
                     "enum e { two = 2 };\n#define TWICE (two * 2)\n#define PARENTHESES (\"p\")\n#define UNUSED 1",
                     "BEGIN { EIGHT, NAME, NEGATIVE, BIG, CHAIN, LETTER, CALL, TASK, EMPTY, TWICE, PARENTHESES, NOSUCH }"))
      << errors();
  auto number = [&](const char* name) {
    auto c = types.find_constant(name);
    return c && std::holds_alternative<Constant::Number>(c->value) ? std::get<Constant::Number>(c->value) : Constant::Number{0xdead};
  };
  EXPECT_EQ(number("EIGHT"), (Constant::Number{8}));
  EXPECT_EQ(number("NEGATIVE"), (Constant::Number{static_cast<uint64_t>(-5), true}));
  EXPECT_EQ(number("BIG"), (Constant::Number{~uint64_t{0}}));
  EXPECT_EQ(number("CHAIN"), (Constant::Number{136}));
  EXPECT_EQ(number("LETTER"), (Constant::Number{97}));
  EXPECT_EQ(number("TWICE"), (Constant::Number{4}));
  EXPECT_EQ(std::get<std::string>(types.find_constant("NAME")->value), "abcdef");
  EXPECT_EQ(std::get<Constant::Text>(types.find_constant("TASK")->value).text, "curtask->pid");
  EXPECT_EQ(std::get<Constant::Text>(types.find_constant("PARENTHESES")->value).text, "(\"p\")");
  EXPECT_FALSE(types.find_constant("CALL"));
  EXPECT_FALSE(types.find_constant("EMPTY"));
  EXPECT_FALSE(types.find_constant("NOSUCH"));
}

TEST_F(CDefinitionsTest, SystemHeaders) {
  ASSERT_TRUE(define("#include <sys/stat.h>\n#include <netinet/in.h>\n#include <stddef.h>", "BEGIN { S_IFMT, IPPROTO_TCP, INET_ADDRSTRLEN }")) << errors();
  EXPECT_EQ(types.find_structure("stat")->size, sizeof(struct stat));
  EXPECT_EQ(types.member(types.find_structure("stat"), "st_size")->offset, offsetof(struct stat, st_size));
  EXPECT_EQ(types.member(types.find_structure("sockaddr_in6"), "sin6_addr")->offset, offsetof(struct sockaddr_in6, sin6_addr));
  EXPECT_EQ(std::get<Constant::Number>(types.find_constant("S_IFMT")->value).value, uint64_t{S_IFMT});
  EXPECT_EQ(std::get<Constant::Number>(types.find_constant("INET_ADDRSTRLEN")->value).value, uint64_t{INET_ADDRSTRLEN});
  EXPECT_EQ(types.find_enumerator("IPPROTO_TCP")->first, 6u);
  EXPECT_EQ(types.find_named("in_port_t"), types.integer(2, false));
}

struct CHeaders : CDefinitionsTest {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("awl-c-headers-" + std::to_string(getpid()));
  ~CHeaders() override { std::filesystem::remove_all(folder); }
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << text;
  }
};

TEST_F(CHeaders, IncludeDirectoriesAndFiles) {
  write("one/one.h", "#define ONE 1\nstruct one { int x; };");
  write("two/two.h", "struct two { struct one a; long b; };");
  settings.include_dirs = {folder / "one", folder / "two"};
  settings.include_files = {"one.h"};
  ASSERT_TRUE(define("#include \"two.h\"", "BEGIN { ONE }")) << errors();
  EXPECT_EQ(types.find_structure("two")->size, 16u);
  EXPECT_TRUE(types.find_constant("ONE"));
}

TEST_F(CHeaders, KernelHeaders) {
  write("include/linux/kconfig.h", "#define CONFIG_SAMPLE 1\n");
  write("include/linux/own.h", "#ifdef __KERNEL__\nstruct own {\n#if CONFIG_SAMPLE\n  long sampled;\n#endif\n  int id; };\n#endif\n");
  host.variables["BPFTRACE_KERNEL_SOURCE"] = folder;
  ASSERT_TRUE(define("#include <linux/own.h>")) << errors();
  EXPECT_EQ(member("own", "id").offset, 8u);
}

TEST_F(CHeaders, MistakesInAHeaderAreShownAtTheInclude) {
  write("bad.h", "struct bad {\n  nosuch x;\n};\n");
  write("outer.h", "#include \"bad.h\"\n");
  settings.include_dirs = {folder};
  EXPECT_FALSE(define("#define A 1\n#include \"outer.h\""));
  ASSERT_EQ(diagnostics.error_count(), 1u) << errors();
  EXPECT_EQ(sources.position(1, diagnostics.all()[0].span.begin).line, 2u);
  EXPECT_THAT(diagnostics.all()[0].text, HasSubstr("bad.h:2:3: unknown type name 'nosuch'"));
}

TEST_F(CDefinitionsTest, MistakesAreShownInTheScript) {
  uint32_t file = sources.add("test.bt", "\nstruct a { int x; };\nBEGIN { }\n struct b { nosuch y; other z; }\n");
  std::string_view all = sources.file(file).text;
  CText pieces[] = {{{file, 1, 21}, all.substr(1, 20)}, {{file, 33, 62}, all.substr(33, 29)}};
  EXPECT_FALSE(define_c(types, pieces, settings, host, diagnostics));
  ASSERT_GE(diagnostics.error_count(), 2u) << errors();
  EXPECT_EQ(diagnostics.all()[0].row, &Diag::c_definitions);
  EXPECT_THAT(errors(), HasSubstr("test.bt:4:13-19: ERROR: unknown type name 'nosuch'\n struct b { nosuch y; other z; }\n            ~~~~~~\n"));
  EXPECT_THAT(errors(), HasSubstr("test.bt:4:23-28: ERROR: unknown type name 'other'"));
  EXPECT_FALSE(types.find_structure("a"));
}

TEST_F(CDefinitionsTest, WhatIsMissingAtTheEndIsShownThere) {
  EXPECT_FALSE(define("#define N 3\nstruct a { int x;", "BEGIN { N }"));
  EXPECT_THAT(errors(), HasSubstr("test.bt:2:17-18: ERROR: "));
}

TEST_F(CDefinitionsTest, MissingHeader) {
  EXPECT_FALSE(define("#include <nosuch/header.h>"));
  EXPECT_THAT(errors(), HasSubstr("test.bt:1:10-11: ERROR: 'nosuch/header.h' file not found"));
  EXPECT_THAT(errors(), HasSubstr("HINT: give the header's directory with -I DIR"));
}

TEST_F(CDefinitionsTest, BadCNeverEndsTheProgram) {
  for (const char* text : {"struct", "struct a {", "#if 1", "#define", "#include", "struct a { struct a b; };", "struct a { int x[1ull << 62]; };", "\xff\xfe", "enum e { x = y };",
                           "struct a { int b : 99; };", "#include \"definitions.h\"", "struct { } } }", "#error stop", "typedef int t[-1];"}) {
    Sources fresh_sources;
    Diagnostics fresh{fresh_sources};
    TypeTable table{host};
    uint32_t file = fresh_sources.add("bad.bt", text);
    CText piece{{file, 0, static_cast<uint32_t>(std::string_view(text).size())}, fresh_sources.file(file).text};
    EXPECT_FALSE(define_c(table, std::span(&piece, 1), settings, host, fresh)) << text;
    EXPECT_TRUE(fresh.has_errors()) << text;
    EXPECT_FALSE(render(fresh, {}).empty());
  }
}

TEST_F(CDefinitionsTest, OwnDefinitionsWinOverTheKernels) {
  ASSERT_TRUE(define("struct task_struct { int mine; struct sched_entity *se; };")) << errors();
  Type task = types.find_structure("task_struct");
  EXPECT_EQ(task->btf_id, 0u);
  EXPECT_EQ(task->size, 16u);
  EXPECT_FALSE(types.member(task, "comm"));
  // Only declared by the C: the kernel's own.
  EXPECT_NE(member("task_struct", "se").type->element->btf_id, 0u);
  EXPECT_TRUE(types.find_structure("list_head"));
}

TEST_F(CDefinitionsTest, TypesOfTheKernelWithoutAHeader) {
  ASSERT_TRUE(define("struct mine { u32 x; struct list_head list; pid_t p; struct sched_entity e; };")) << errors();
  EXPECT_EQ(types.find_structure("mine")->size, 56u);
  EXPECT_EQ(member("mine", "list").offset, 8u);
  EXPECT_EQ(member("mine", "p").type, types.integer(4, true));
  EXPECT_EQ(member("mine", "e").offset, 32u);
}

TEST_F(CDefinitionsTest, HaveBtf) {
  std::string text = "#ifdef BPFTRACE_HAVE_BTF\nstruct with { int x; };\n#else\nstruct without { int x; };\n#endif";
  ASSERT_TRUE(define(text)) << errors();
  EXPECT_TRUE(types.find_structure("with"));
  btf__free(std::exchange(host.vmlinux, nullptr));
  TypeTable bare{host};
  CText piece{{1, 0, static_cast<uint32_t>(text.size())}, text};
  ASSERT_TRUE(define_c(bare, std::span(&piece, 1), settings, host, diagnostics)) << errors();
  EXPECT_TRUE(bare.find_structure("without"));
  EXPECT_FALSE(bare.find_structure("with"));
}

TEST_F(CDefinitionsTest, TheSemicolonBehindAStructureMayBeLeftOut) {
  uint32_t file = sources.add("test.bt", "struct a { int x; } struct b { struct a y; }");
  std::string_view all = sources.file(file).text;
  CText pieces[] = {{{file, 0, 19}, all.substr(0, 19)}, {{file, 20, 44}, all.substr(20)}};
  EXPECT_TRUE(define_c(types, pieces, settings, host, diagnostics)) << errors();
  EXPECT_TRUE(types.find_structure("b"));
}

TEST_F(CDefinitionsTest, WordsThatAreUnfitAsValuesDoNoHarm) {
  ASSERT_TRUE(define("#define OPEN {\n#define BROKEN )\n#define TYPE struct x *\n#define GOOD 3\n", "BEGIN { BROKEN, GOOD, OPEN, TYPE }")) << errors();
  EXPECT_EQ(std::get<Constant::Number>(types.find_constant("GOOD")->value).value, 3u);
  EXPECT_FALSE(types.find_constant("NOSUCH"));
}

}  // namespace
}  // namespace awl
