#include "driver/doc.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/near_names.h"
#include "builtins/builtin.h"
#include "driver/program.h"
#include "semantic/library.h"

namespace awl {
namespace {

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + separator.size(), text.size()));
  }
  return parts;
}

DocEntry entry_of(const Builtin& row) {
  return {.name = std::string(row.name),
          .signatures = split(row.signature, " | "),
          .text = std::string(row.doc),
          .example = std::string(row.example),
          .prints = std::string(row.prints),
          .unsafe = row.flags & BuiltinFlag::unsafe,
          .async = row.flags & BuiltinFlag::async};
}

// A line of the comment above a macro: `> script`, `= output`, else text.
void add_comment(DocEntry& entry, std::string_view line) {
  line.remove_prefix(std::min<size_t>(line.starts_with("// ") ? 3 : 2, line.size()));
  std::string& to = line.starts_with("> ") ? entry.example : line.starts_with("= ") ? entry.prints : entry.text;
  if (&to != &entry.text) line.remove_prefix(2);
  if (!to.empty()) to += &to == &entry.text ? ' ' : '\n';
  to += line;
}

// The macros of a file: the comment directly above a macro is its documentation, macros of one name share that of the first. The file's first
// comment is its title.
DocFamily family_of(const LibraryFile& file) {
  DocFamily family;
  DocEntry above;
  for (const std::string& line : split(file.text, "\n")) {
    if (line.starts_with("//")) {
      add_comment(above, line);
      continue;
    }
    if (!line.starts_with("macro ")) {
      if (line.empty() && family.title.empty()) family.title = above.text.substr(0, above.text.find('.'));
      if (line.empty()) above = {};
      continue;
    }
    std::string signature = line.substr(6, line.find(')') - 5);
    std::string name = signature.substr(0, signature.find('('));
    auto known = std::ranges::find(family.entries, name, &DocEntry::name);
    if (known == family.entries.end()) {
      above.name = name;
      known = family.entries.insert(family.entries.end(), above);
    }
    known->signatures.push_back(signature);
    above = {};
  }
  return family;
}

std::string in_roff(std::string_view text) {
  std::string out;
  bool line_starts = true;
  for (char c : text) {
    if (line_starts && (c == '.' || c == '\'')) out += "\\&";  // else it would be a request
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else out += c;
    line_starts = c == '\n';
  }
  return out;
}

std::string remarks(const DocEntry& entry) {
  std::string text;
  if (entry.async) text += " Happens when the event is handled.";
  if (entry.unsafe) text += " Needs --unsafe.";
  return text;
}

std::string roff(const DocEntry& entry) {
  std::string out = ".TP\n";
  for (const std::string& signature : entry.signatures) out += fmt::format("{}.B \"{}\"\n", &signature == &entry.signatures.front() ? "" : ".TQ\n", [&] {
    std::string quoted = in_roff(signature);
    for (size_t at = 0; (at = quoted.find('"', at)) != quoted.npos; at += 4) quoted.replace(at, 1, "\\(dq");
    return quoted;
  }());
  out += in_roff(entry.text + remarks(entry)) + "\n";
  if (!entry.example.empty()) out += fmt::format(".RS\n.P\n.EX\n{}\n.EE\n.RE\n", in_roff(entry.example));
  if (!entry.prints.empty()) out += fmt::format(".RS\n.P\nprints\n.P\n.EX\n{}\n.EE\n.RE\n", in_roff(entry.prints));
  return out;
}

void print_json(const DocEntry& entry, std::string_view family) {
  nlohmann::json object = {{"name", entry.name}, {"family", family},          {"signatures", entry.signatures}, {"text", entry.text},
                           {"unsafe", entry.unsafe}, {"async", entry.async}};
  if (!entry.example.empty()) object["example"] = entry.example;
  if (!entry.prints.empty()) object["prints"] = entry.prints;
  fmt::print("{}\n", object.dump());
}

int unknown(const std::string& name, const std::vector<DocFamily>& families) {
  std::vector<std::string_view> names;
  for (const DocFamily& family : families)
    for (const DocEntry& entry : family.entries) names.push_back(entry.name);
  auto near = nearest_name(name, names);
  return ended({0, fmt::format("there is no builtin, function or macro '{}'", name), near ? fmt::format("did you mean '{}'?", *near) : "awl doc lists all"}).error().status;
}

}  // namespace

std::vector<DocFamily> documentation() {
  std::vector<DocFamily> all;
  for (const Family& family : families()) {
    DocFamily documented{.title = std::string(family.title)};
    for (const Builtin& row : family.rows) documented.entries.push_back(entry_of(row));
    all.push_back(std::move(documented));
  }
  for (const LibraryFile& file : library_files()) {
    DocFamily family = family_of(file);
    family.title = fmt::format("Macros: {}", family.title);
    all.push_back(std::move(family));
  }
  for (DocFamily& family : all) std::ranges::sort(family.entries, {}, &DocEntry::name);
  return all;
}

std::string manual_page(const std::vector<DocFamily>& families) {
  std::string page = fmt::format(
      ".\\\" Made by `awl doc --man` from the rows and macros themselves.\n.TH AWL\\-STDLIB 7 \"\" \"awl {}\" \"Miscellaneous Information\"\n"
      ".SH NAME\nawl\\-stdlib \\- builtins, functions and macros of awl's language\n.SH DESCRIPTION\n"
      "What a script can use without importing anything. Of a signature, alternatives are separated by |, what stands behind = may be left out. What has no\n"
      "required arguments may be written without parentheses.\n.BR \"awl doc \" \\fINAME\\fR\nshows an entry in the terminal.\n",
      AWL_VERSION);
  for (const DocFamily& family : families) {
    if (family.entries.empty()) continue;
    page += fmt::format(".SH \"{}\"\n", in_roff(family.title));
    for (const DocEntry& entry : family.entries) page += roff(entry);
  }
  return page + ".SH SEE ALSO\n.BR awl (8)\n";
}

std::string entry_text(const DocEntry& entry) {
  std::string out;
  for (const std::string& signature : entry.signatures) out += signature + "\n";
  out += fmt::format("    {}\n", entry.text + remarks(entry));
  if (!entry.example.empty()) out += fmt::format("\n    {}\n", fmt::join(split(entry.example, "\n"), "\n    "));
  if (!entry.prints.empty()) out += fmt::format("    prints\n        {}\n", fmt::join(split(entry.prints, "\n"), "\n        "));
  return out;
}

int print_documentation(const Options& options) {
  std::vector<DocFamily> families = documentation();
  if (options.man) {
    fmt::print("{}", manual_page(families));
    return 0;
  }
  bool some = !options.operands.empty(), separate = false;
  for (const std::string& name : options.operands) {
    bool found = false;
    for (const DocFamily& family : families)
      for (const DocEntry& entry : family.entries) {
        if (entry.name != name) continue;
        found = true;
        if (options.json) print_json(entry, family.title);
        else fmt::print("{}{}", separate ? "\n" : "", entry_text(entry));
        separate = true;
      }
    if (!found) return unknown(name, families);
  }
  if (some) return 0;
  for (const DocFamily& family : families) {
    if (!options.json) fmt::print("{}{}:\n", &family == &families.front() ? "" : "\n", family.title);
    for (const DocEntry& entry : family.entries) {
      if (options.json) print_json(entry, family.title);
      else fmt::print("    {:<20} {}\n", entry.name, entry.text.substr(0, entry.text.find_first_of(".;:")));
    }
  }
  return 0;
}

}  // namespace awl
