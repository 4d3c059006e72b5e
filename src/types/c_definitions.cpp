#include "types/c_definitions.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <ranges>
#include <regex>
#include <set>

#include "base/diag/settings.h"
#include "types/c_prelude.h"
#include "types/c_unit.h"

namespace awl {
namespace {

namespace fs = std::filesystem;

constexpr char main_file[] = "/awl/definitions.h";  // in memory only; no folder that a user's header could be found in
constexpr char trailer_mark[] = "awl_trailer";  // a variable declared where the trailer begins
constexpr unsigned errors_at_most = 20;
constexpr unsigned prelude_rounds = 8;

// The text that Clang reads: the kernel's types that the script uses, the pieces of the script in order, then a trailer that makes the values
// of macros readable.
struct Assembled {
  struct Piece {
    size_t begin = 0, end = 0;  // in `text`
    Span span;
  };
  std::string text;
  std::vector<Piece> pieces;
  size_t trailer = 0;  // where it begins

  // The place in the script, or none.
  Span place(size_t offset) const;
};

Span Assembled::place(size_t offset) const {
  // What Clang found behind a piece is missing at its end.
  for (const Piece& piece : pieces | std::views::reverse) {
    if (offset < piece.begin) continue;
    offset = std::min(offset, piece.end == piece.begin ? piece.end : piece.end - 1);
    size_t end = offset;
    while (end < piece.end && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) ++end;
    if (end == offset && offset < piece.end && text[offset] != '\n') ++end;
    auto at = [&](size_t o) { return piece.span.begin + static_cast<uint32_t>(o - piece.begin); };
    return {piece.span.file, at(offset), at(end)};
  }
  return {};
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Every word of the scripts: what may be the name of a macro.
std::set<std::string_view> words(const Sources& sources) {
  std::set<std::string_view> out;
  for (uint32_t file = 1; file <= sources.count(); ++file) {
    std::string_view text = sources.file(file).text;
    for (size_t i = 0; i < text.size();) {
      if (!is_word(text[i])) {
        ++i;
        continue;
      }
      size_t begin = i;
      while (i < text.size() && is_word(text[i])) ++i;
      if (!std::isdigit(static_cast<unsigned char>(text[begin])) && i - begin < 128) out.insert(text.substr(begin, i - begin));
    }
  }
  return out;
}

Assembled assemble(const std::string& prelude, std::span<const CText> texts, const CSettings& settings, const Sources& sources) {
  Assembled a{.text = prelude};
  for (const std::string& file : settings.include_files) a.text += fmt::format("#include <{}>\n", file);
  for (const CText& t : texts) {
    size_t begin = a.text.size();
    a.text += t.text;
    a.pieces.push_back({begin, a.text.size(), t.span});
    // The `;` behind a structure may be left out in a script.
    a.text += t.text.starts_with('#') ? "\n" : ";\n";
  }
  a.trailer = a.text.size();
  a.text += fmt::format("extern int {};\n", trailer_mark);
  a.text += "#define awl_quote_(...) #__VA_ARGS__\n#define awl_quote(...) awl_quote_(__VA_ARGS__)\n";
  for (std::string_view word : words(sources))
    a.text += fmt::format("#ifdef {0}\nstatic const char *{1}{0} = awl_quote({0});\n__auto_type {2}{0} = {0};\n#endif\n", word, text_prefix, value_prefix);
  return a;
}

bool includes_something(std::span<const CText> texts, const CSettings& settings) {
  static const std::regex include("(^|\n)[ \t]*#[ \t]*include");
  return !settings.include_files.empty() || std::ranges::any_of(texts, [](const CText& t) { return std::regex_search(t.text.begin(), t.text.end(), include); });
}

bool mentions(std::span<const CText> texts, std::string_view word) {
  return std::ranges::any_of(texts, [&](const CText& t) { return t.text.contains(word); });
}

bool is_directory(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// Where the kernel's headers are: the source tree, and the tree with what building made. Empty when they are not installed.
std::pair<std::string, std::string> kernel_trees(Host& host) {
  auto variable = [&](const char* name) { return host.environment(std::string("AWL_") + name).or_else([&] { return host.environment(std::string("BPFTRACE_") + name); }); };
  utsname names{};
  uname(&names);
  std::string modules = std::string("/lib/modules/") + names.release;
  std::string source = variable("KERNEL_SOURCE").value_or(is_directory(modules + "/source") ? modules + "/source" : modules + "/build");
  std::string build = variable("KERNEL_BUILD").value_or(variable("KERNEL_SOURCE").value_or(modules + "/build"));
  if (!is_directory(source + "/include")) return {};
  return {source, build};
}

// The options with which the kernel is compiled (LINUXINCLUDE in the kernel's Makefile).
void add_kernel_arguments(Host& host, std::vector<std::string>& arguments) {
  auto [source, build] = kernel_trees(host);
  if (source.empty()) return;
  utsname names{};
  uname(&names);
  std::string machine = names.machine;
  std::string arch = machine == "x86_64" ? "x86" : machine == "aarch64" ? "arm64" : machine.starts_with("ppc64") ? "powerpc" : machine == "s390x" ? "s390" : machine.starts_with("riscv") ? "riscv" : machine;
  for (const std::string& folder : {source + "/arch/" + arch + "/include", build + "/arch/" + arch + "/include/generated", source + "/include", build + "/include",
                                    source + "/arch/" + arch + "/include/uapi", build + "/arch/" + arch + "/include/generated/uapi", source + "/include/uapi",
                                    build + "/include/generated/uapi"})
    if (is_directory(folder)) arguments.push_back("-I" + folder);
  std::error_code ignored;
  for (const char* header : {"/include/linux/compiler-version.h", "/include/linux/kconfig.h"})
    if (fs::exists(source + header, ignored)) arguments.insert(arguments.end(), {"-include", source + header});
  arguments.insert(arguments.end(), {"-D__KERNEL__", "-DKBUILD_MODNAME=\"awl\"", "-fms-extensions"});
}

std::vector<std::string> clang_arguments(const LibClang& clang, std::span<const CText> texts, const CSettings& settings, Host& host, const Sources& sources) {
  std::vector<std::string> arguments{"-x", "c", "-std=gnu17", "-w", "-ferror-limit=0", "-Ulinux", "-Uunix"};
  if (!clang.resource_dir.empty()) arguments.insert(arguments.end(), {"-resource-dir", clang.resource_dir});
  for (const std::string& folder : settings.include_dirs) arguments.push_back("-I" + folder);
  bool includes = includes_something(texts, settings);
  if (includes) {
    std::set<std::string> folders;
    for (const CText& t : texts)
      if (const std::string& name = t.span ? sources.file(t.span.file).name : std::string(); name.contains('/')) folders.insert(fs::path(name).parent_path());
    for (const std::string& folder : folders) arguments.insert(arguments.end(), {"-iquote", folder});
    add_kernel_arguments(host, arguments);
  } else {
    arguments.push_back("-nostdinc");
  }
  if ((includes || mentions(texts, "BPFTRACE_HAVE_BTF")) && host.kernel_btf()) arguments.push_back("-DBPFTRACE_HAVE_BTF=1");
  return arguments;
}

struct CError {
  std::string message, file;
  unsigned line = 0, column = 0;
  size_t offset = 0;
  bool in_main = false;
};

std::vector<CError> read_errors(const LibClang& clang, CXTranslationUnit unit) {
  std::vector<CError> out;
  for (unsigned i = 0; i < clang.getNumDiagnostics(unit); ++i) {
    CXDiagnostic diagnostic = clang.getDiagnostic(unit, i);
    if (clang.getDiagnosticSeverity(diagnostic) >= CXDiagnostic_Error) {
      CError error{.message = clang.text(clang.getDiagnosticSpelling(diagnostic))};
      CXFile file = nullptr;
      unsigned offset = 0;
      clang.getExpansionLocation(clang.getDiagnosticLocation(diagnostic), &file, &error.line, &error.column, &offset);
      error.offset = offset;
      if (file) error.file = clang.text(clang.getFileName(file));
      error.in_main = error.file == main_file;
      out.push_back(std::move(error));
    }
    clang.disposeDiagnostic(diagnostic);
  }
  return out;
}

// Where in the main file the chain of #include that led to `header` begins.
std::optional<size_t> included_from(const LibClang& clang, CXTranslationUnit unit, const std::string& header) {
  struct Search {
    const LibClang* clang;
    const std::string* header;
    std::optional<size_t> offset;
  } search{&clang, &header, std::nullopt};
  auto visit = [](CXFile file, CXSourceLocation* stack, unsigned depth, CXClientData data) {
    auto& s = *static_cast<Search*>(data);
    if (s.offset || s.clang->text(s.clang->getFileName(file)) != *s.header) return;
    for (unsigned i = 0; i < depth; ++i) {
      CXFile from = nullptr;
      unsigned offset = 0;
      s.clang->getExpansionLocation(stack[i], &from, nullptr, nullptr, &offset);
      if (from && s.clang->text(s.clang->getFileName(from)) == main_file) s.offset = offset;
    }
  };
  clang.getInclusions(unit, visit, &search);
  return search.offset;
}

// Names of types that the text uses and nobody defines ("u32", "list_head"), as far as Clang's errors tell.
std::set<std::string> missing_types(std::span<const CError> errors) {
  static const std::regex unknown("unknown type name '([A-Za-z_0-9]+)'|incomplete [a-z ]*type '[^']*\\b(?:struct|union|enum) ([A-Za-z_0-9]+)[^']*'|incomplete [a-z ]*type '([A-Za-z_0-9]+)'");
  std::set<std::string> out;
  for (const CError& error : errors) {
    std::smatch match;
    if (!std::regex_search(error.message, match, unknown)) continue;
    for (size_t group = 1; group < match.size(); ++group)
      if (match[group].matched) out.insert(match[group]);
  }
  return out;
}

void report(const LibClang& clang, CXTranslationUnit unit, const Assembled& a, std::span<const CError> errors, Diagnostics& diagnostics) {
  unsigned count = 0;
  for (const CError& error : errors) {
    if (count++ >= errors_at_most) break;
    std::string message = error.message;
    Span span;
    if (error.in_main) {
      span = a.place(error.offset);
    } else if (!error.file.empty()) {
      message = fmt::format("{}:{}:{}: {}", error.file, error.line, error.column, message);
      if (auto offset = included_from(clang, unit, error.file)) span = a.place(*offset);
    }
    Diagnostic& made = diagnostics.report<Diag::c_definitions>(span, message);
    if (message.ends_with("file not found")) made.hint("give the header's directory with -I DIR, or install the package that has it (for the kernel's own headers: set BPFTRACE_KERNEL_SOURCE)");
    if (message.contains("unknown type name") || message.contains("incomplete type")) made.hint("define the type, or include the header that does; types of the kernel's BTF need neither");
  }
}

CXTranslationUnit parse(const LibClang& clang, CXIndex index, const std::vector<std::string>& arguments, const std::string& text) {
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  CXUnsavedFile file{main_file, text.c_str(), text.size()};
  CXTranslationUnit unit = nullptr;
  unsigned options = CXTranslationUnit_SkipFunctionBodies | CXTranslationUnit_KeepGoing | CXTranslationUnit_IgnoreNonErrorsFromIncludedFiles;
  clang.parseTranslationUnit2(index, main_file, pointers.data(), static_cast<int>(pointers.size()), &file, 1, options, &unit);
  return unit;
}

// Whether the trailer stands outside of all brackets that the script opened, so that mistakes found in it are those of words that are no values.
bool trailer_is_apart(const LibClang& clang, CXTranslationUnit unit) {
  struct Search {
    const LibClang* clang;
    bool found;
  } search{&clang, false};
  auto visit = [](CXCursor cursor, CXCursor, CXClientData data) {
    auto& s = *static_cast<Search*>(data);
    if (s.clang->getCursorKind(cursor) == CXCursor_VarDecl && s.clang->text(s.clang->getCursorSpelling(cursor)) == trailer_mark) s.found = true;
    return s.found ? CXChildVisit_Break : CXChildVisit_Continue;
  };
  clang.visitChildren(clang.getTranslationUnitCursor(unit), visit, &search);
  return search.found;
}

}  // namespace

bool define_c(TypeTable& types, std::span<const CText> texts, const CSettings& settings, Host& host, Diagnostics& diagnostics) {
  if (texts.empty() && settings.include_files.empty()) return true;
  Span first = texts.empty() ? Span{} : texts.front().span;
  auto library = load_libclang(settings.libraries.empty() ? libclang_names() : settings.libraries);
  if (!library) {
    Diagnostic& made = diagnostics.report<Diag::c_parser>(first, library.error().text());
    if (!library.error().hint.empty()) made.hint(library.error().hint);
    return false;
  }
  const LibClang& clang = **library;
  const Sources& sources = diagnostics.sources();
  Assembled a;
  std::vector<std::string> arguments = clang_arguments(clang, texts, settings, host, sources);
  auto hidden = std::make_unique<CDefinitions::Hidden>(clang, types);
  hidden->index = clang.createIndex(0, 0);

  CPrelude prelude(host);
  std::vector<CError> errors;
  for (unsigned round = 0; round < prelude_rounds; ++round) {
    if (hidden->unit) clang.disposeTranslationUnit(std::exchange(hidden->unit, nullptr));
    a = assemble(prelude.text(), texts, settings, sources);
    hidden->unit = parse(clang, hidden->index, arguments, a.text);
    if (!hidden->unit) {
      diagnostics.report<Diag::c_parser>(first, "libclang cannot read the C definitions of this script");
      return false;
    }
    errors = read_errors(clang, hidden->unit);
    if (!errors.empty() && trailer_is_apart(clang, hidden->unit)) std::erase_if(errors, [&](const CError& error) { return error.in_main && error.offset >= a.trailer; });
    if (errors.empty() || !prelude.add(missing_types(errors))) break;
  }
  report(clang, hidden->unit, a, errors, diagnostics);
  if (!errors.empty()) return false;
  hidden->read_declarations();
  types.adopt(std::make_unique<CDefinitions>(std::move(hidden)));
  return true;
}

}  // namespace awl
