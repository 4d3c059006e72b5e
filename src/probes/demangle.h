#pragma once
// Names of C++ and Rust functions as their sources have them.
#include <string>
#include <string_view>

namespace awl {

// "ns::f(int)" for "_ZN2ns1fEi"; empty if the symbol is of neither language.
std::string demangle(const std::string& symbol);
// Whether `pattern` (with or without `*`) means a demangled function: its full name, without the result's type, the parameters, or the arguments of a template.
bool names_function(std::string_view pattern, std::string_view demangled);

}  // namespace awl
