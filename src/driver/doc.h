#pragma once
// What the library's rows and macros say of themselves: awl doc, man/awl-stdlib.7.
#include <string>
#include <string_view>
#include <vector>

namespace awl {

struct DocEntry {
  std::string name;
  std::vector<std::string> signatures;  // "str(pointer|int|string address, int length = max) -> string"
  std::string text;
  std::string example;  // a script; may be missing
  std::string prints;   // what it prints, empty lines left out; empty: differs from run to run
  bool unsafe = false, async = false;
};
struct DocFamily {
  std::string title;
  std::vector<DocEntry> entries;  // sorted by name
};

// All of the library: the rows by family, then the macros of stdlib/*.bt by file.
std::vector<DocFamily> documentation();
// The manual page awl-stdlib(7).
std::string manual_page(const std::vector<DocFamily>& families);
// An entry for the terminal.
std::string entry_text(const DocEntry& entry);

}  // namespace awl
