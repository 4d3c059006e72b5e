// Golden tests: scripts with what the compiler says about them written beside the source.
//   golden [--update] FILE|FOLDER...     compares, or rewrites the expectations
//   golden --coverage FOLDER...          checks that each diagnostic of base/diag is shown by some file, or named in FOLDER/not_shown.txt
// A file whose name starts with fail_ must give an error, the others must not.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "file.h"
#include "kinds.h"

namespace {

namespace fs = std::filesystem;

constexpr std::string_view all_diagnostics[] = {
#define D(id, severity, text) #id,
#include "base/diag/all.def"
#undef D
};

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<fs::path> scripts(const std::vector<std::string>& where) {
  std::vector<fs::path> out;
  for (const std::string& name : where) {
    if (fs::is_regular_file(name)) out.emplace_back(name);
    else if (fs::is_directory(name)) {
      for (const auto& entry : fs::recursive_directory_iterator(name))
        if (entry.path().extension() == ".bt" && entry.path().parent_path().filename() != "imported") out.push_back(entry.path());
    } else {
      fmt::print(stderr, "golden: there is no {}\n", name);
      std::exit(2);
    }
  }
  std::ranges::sort(out);
  return out;
}

// The first line that differs, for the report.
std::string first_difference(std::string_view expected, std::string_view got) {
  std::istringstream a{std::string(expected)}, b{std::string(got)};
  std::string left, right;
  for (int line = 1;; ++line) {
    bool more_left = static_cast<bool>(std::getline(a, left)), more_right = static_cast<bool>(std::getline(b, right));
    if (!more_left) left = "(end of file)";
    if (!more_right) right = "(end of file)";
    if (left != right || !more_left) return fmt::format("line {}\n  - {}\n  + {}", line, left, right);
  }
}

// What is wrong with a file; empty if nothing.
std::string check(const fs::path& path, bool update) {
  std::string text = slurp(path);
  golden::File file = golden::read(text);
  if (file.kinds.empty()) return "the first line must be `// RUN: KIND` with one of: " + golden::kind_names();
  const golden::Kind* kind = golden::find_kind(file.kinds[0]);
  if (!kind) return fmt::format("RUN: {} is not known here, only: {}", file.kinds[0], golden::kind_names());

  awl::Sources sources;
  awl::Diagnostics diagnostics(sources);
  uint32_t number = sources.add(path.filename().string(), file.source);
  std::string output = kind->run(sources, number, diagnostics, {path, {file.kinds.begin() + 1, file.kinds.end()}});
  std::string now = golden::write(file, number, diagnostics, output);

  bool should_fail = path.filename().string().starts_with("fail_");
  if (should_fail != diagnostics.has_errors())
    return should_fail ? "the name starts with fail_, but there is no error" : "there is an error, but the name does not start with fail_\n" + awl::render(diagnostics, {});
  if (now == text) return {};
  if (!update) return first_difference(text, now);
  std::ofstream(path, std::ios::binary) << now;
  fmt::print("updated {}\n", path.string());
  return {};
}

// The first words of the lines of FOLDER/not_shown.txt.
std::set<std::string, std::less<>> excused_diagnostics(const std::vector<std::string>& where) {
  std::set<std::string, std::less<>> out;
  for (const std::string& folder : where) {
    std::istringstream lines(slurp(fs::path(folder) / "not_shown.txt"));
    for (std::string line; std::getline(lines, line);)
      if (!line.empty() && line[0] != '#') out.insert(line.substr(0, line.find(' ')));
  }
  return out;
}

int coverage(const std::vector<fs::path>& files, const std::set<std::string, std::less<>>& excuses) {
  std::set<std::string, std::less<>> shown;
  for (const fs::path& path : files) {
    std::string text = slurp(path);
    for (const std::string& line : golden::read(text).lines) {
      if (!line.starts_with("//~")) continue;
      size_t open = line.find('['), close = line.find("]:");
      if (open != std::string::npos && close != std::string::npos && open < close) shown.insert(line.substr(open + 1, close - open - 1));
    }
  }
  size_t wrong = 0, missing = 0;
  for (std::string_view id : all_diagnostics) {
    bool excused = excuses.contains(id);
    if (shown.contains(id) != excused) continue;
    fmt::print("{} {}\n", excused ? "not_shown.txt still names the diagnostic" : "no golden file shows the diagnostic", id);
    ++wrong;
  }
  for (const std::string& id : excuses) {
    ++missing;
    if (std::ranges::find(all_diagnostics, id) != std::end(all_diagnostics)) continue;
    fmt::print("not_shown.txt names {}, which is no diagnostic\n", id);
    ++wrong;
  }
  fmt::print("{} diagnostics, {} excused, {} wrong\n", std::size(all_diagnostics), missing, wrong);
  return wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  bool update = false, cover = false;
  std::vector<std::string> where;
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (argument == "--update") update = true;
    else if (argument == "--coverage") cover = true;
    else where.emplace_back(argument);
  }
  if (where.empty()) {
    fmt::print(stderr, "usage: golden [--update | --coverage] FILE|FOLDER...\n");
    return 2;
  }
  std::vector<fs::path> files = scripts(where);
  if (cover) return coverage(files, excused_diagnostics(where));
  size_t failed = 0;
  for (const fs::path& path : files) {
    std::string wrong = check(path, update);
    if (wrong.empty()) continue;
    ++failed;
    fmt::print("FAIL {}: {}\n", path.string(), wrong);
  }
  fmt::print("{} golden files, {} failed\n", files.size(), failed);
  return failed == 0 && !files.empty() ? 0 : 1;
}
