#include "probes/demangle.h"

#include <cxxabi.h>
#include <libiberty/demangle.h>

#include <cstdlib>
#include <memory>

#include "base/glob.h"

namespace awl {
namespace {

using Text = std::unique_ptr<char, void (*)(void*)>;

// Where the bracket that closes at `end` opens.
size_t opening(std::string_view text, size_t end, char open, char close) {
  int depth = 0;
  for (size_t i = end + 1; i-- > 0;) {
    if (text[i] == close) ++depth;
    if (text[i] == open && --depth == 0) return i;
  }
  return std::string_view::npos;
}

// "int ns::f<int>(int) const" -> "int ns::f<int>"
std::string_view without_parameters(std::string_view name) {
  const size_t end = name.rfind(')');
  if (end == std::string_view::npos || name.substr(end).find("::") != std::string_view::npos) return name;
  const size_t open = opening(name, end, '(', ')');
  // `(anonymous namespace)` and `operator()` are no parameters.
  if (open == std::string_view::npos || open == 0 || name.substr(0, open).ends_with("operator")) return name;
  return name.substr(0, open);
}

// "int ns::f<int>" -> "ns::f<int>"; names of operators may hold blanks.
std::string_view without_result(std::string_view name) {
  const size_t last = std::min(name.find("operator"), name.size());
  int depth = 0;
  for (size_t i = last; i-- > 0;) {
    const char c = name[i];
    if (c == '>' || c == ')') ++depth;
    if (c == '<' || c == '(') --depth;
    if (c == ' ' && depth == 0) return name.substr(i + 1);
  }
  return name;
}

std::string_view without_template(std::string_view name) {
  if (!name.ends_with('>') || name.find("operator") != std::string_view::npos) return name;
  const size_t open = opening(name, name.size() - 1, '<', '>');
  return open == std::string_view::npos ? name : name.substr(0, open);
}

}  // namespace

std::string demangle(const std::string& symbol) {
  if (!symbol.starts_with("_Z") && !symbol.starts_with("_R")) return {};
  if (const Text rust(rust_demangle(symbol.c_str(), DMGL_NO_OPTS), free); rust) return rust.get();
  int status = 0;
  const Text name(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), free);
  return name ? name.get() : "";
}

bool names_function(std::string_view pattern, std::string_view demangled) {
  if (demangled.empty()) return false;
  const std::string_view bare = without_parameters(demangled);
  const std::string_view signature = without_result(bare);
  if (glob_match(pattern, demangled) || glob_match(pattern, signature) || glob_match(pattern, without_template(signature))) return true;
  // With parameters, without the result's type.
  return glob_match(pattern, demangled.substr(static_cast<size_t>(signature.data() - demangled.data())));
}

}  // namespace awl
