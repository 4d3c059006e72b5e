// Files that a script imports: found, read, and put in front of what imports them.
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>

#include "base/diag/imports.h"
#include "builtins/builtin.h"
#include "parser/parse.h"
#include "semantic/c_functions.h"
#include "semantic/passes.h"

namespace awl {
namespace {

namespace fs = std::filesystem;

constexpr size_t largest_file = 16 << 20;
constexpr unsigned deepest_import = 100;

class Loader {
 public:
  Loader(Unit& unit, Diagnostics& diagnostics) : unit_(&unit), diagnostics_(&diagnostics), folder_(folder_of(unit.script.file)) {}

  void run() {
    if (unit_->script.imports.empty()) return;
    ast::Script own = std::move(unit_->script);
    unit_->script = {};
    for (const ast::Import& import : own.imports) load(import);
    uint32_t file = own.file;
    std::string shebang = std::move(own.shebang);
    append(unit_->script, std::move(own));
    unit_->script.file = file;
    unit_->script.shebang = std::move(shebang);
  }

 private:
  // The folder of a file as it was named; empty: the working directory.
  fs::path folder_of(uint32_t file) const {
    if (file == 0) return {};
    return fs::path(unit_->sources->file(file).name).parent_path();
  }

  // A path as written is looked for beside the file that imports it, then beside the script.
  void load(const ast::Import& import) {
    fs::path written = import.path;
    std::vector<fs::path> places;
    for (const fs::path& folder : {folder_of(unit_->sources->written(import.span).file), folder_})
      if (fs::path place = folder / written; std::ranges::find(places, place) == places.end()) places.push_back(place);
    for (const fs::path& place : places) {
      FileStatus status = unit_->host->file_status(place);
      if (!status.exists) continue;
      if (anyone_can_write(place, status)) {
        diagnostics_->report<Diag::import_skipped>(import.span, place.string()).hint(fmt::format("take the permission away: chmod o-w {}", (status.writable_by_all ? place : parent(place)).string()));
        continue;
      }
      if (status.directory) return directory(import, place);
      if (!file(import, place)) diagnostics_->report<Diag::import_type>(import.span, place.filename().string()).hint("what can be imported: scripts (.bt), headers (.h), BPF functions in C (.bpf.c) and folders of them");
      return;
    }
    Diagnostic& d = diagnostics_->report<Diag::import_missing>(import.span);
    for (const fs::path& place : places) d.hint(fmt::format("checked: {}", place.string()));
  }

  static fs::path parent(const fs::path& place) {
    fs::path folder = place.parent_path();
    return folder.empty() ? fs::path(".") : folder;
  }

  // Whoever runs the script must be able to rely on what it imports.
  bool anyone_can_write(const fs::path& place, const FileStatus& status) {
    return status.writable_by_all || (!status.directory && unit_->host->file_status(parent(place)).writable_by_all);
  }

  void directory(const ast::Import& import, const fs::path& place) {
    Result<std::vector<std::string>> names = unit_->host->list_directory(place);
    if (!names) {
      diagnostics_->report<Diag::import_failed>(import.span, names.error().text());
      return;
    }
    std::ranges::sort(*names);
    for (const std::string& name : *names) {
      fs::path inside = place / name;
      FileStatus status = unit_->host->file_status(inside);
      if (status.directory) continue;
      if (status.writable_by_all) diagnostics_->report<Diag::import_skipped>(import.span, inside.string());
      else file(import, inside);
    }
  }

  // False: nothing is known to do with such a file.
  bool file(const ast::Import& import, const fs::path& place) {
    std::string name = place.filename();
    if (name.ends_with(".bt")) script(import, place);
    else if (name.ends_with(".h")) header(import, place);
    else if (name.ends_with(".bpf.c")) functions(import, place);
    else return false;
    return true;
  }

  bool is_new(const fs::path& place) { return seen_.insert(place.lexically_normal()).second; }

  void script(const ast::Import& import, const fs::path& place) {
    if (!is_new(place)) return;
    Result<std::string> text = unit_->host->read_file(place, largest_file);
    if (!text) {
      diagnostics_->report<Diag::import_failed>(import.span, text.error().text());
      return;
    }
    if (++depth_ > deepest_import) {
      diagnostics_->report<Diag::import_failed>(import.span, fmt::format("imports nest deeper than {} files", deepest_import));
    } else {
      uint32_t number = unit_->sources->add(place, std::move(*text));
      ast::Script parsed = parse(*unit_->sources, number, *diagnostics_, is_value_builtin);
      if (parsed.config_span) diagnostics_->report<Diag::import_config>(parsed.config_span).hint("settings belong into the script that is run");
      for (const ast::Import& inner : parsed.imports) load(inner);
      parsed.config.clear();
      parsed.config_span = {};
      unit_->sources->imported(number, import.span);
      append(unit_->script, std::move(parsed));
    }
    --depth_;
  }

  void functions(const ast::Import& import, const fs::path& place) {
    if (is_new(place)) compile_functions(*unit_, *diagnostics_, import.span, place);
  }

  void header(const ast::Import& import, const fs::path& place) {
    if (!is_new(place)) return;
    std::error_code ignored;
    fs::path absolute = fs::absolute(place, ignored);
    unit_->script.c_definitions.push_back({import.span, fmt::format("#include \"{}\"", (ignored ? place : absolute).string())});
  }

  static void append(ast::Script& to, ast::Script from) {
    auto move_all = [](auto& target, auto& source) { target.insert(target.end(), std::make_move_iterator(source.begin()), std::make_move_iterator(source.end())); };
    move_all(to.c_definitions, from.c_definitions);
    move_all(to.maps, from.maps);
    move_all(to.loads, from.loads);
    move_all(to.macros, from.macros);
    move_all(to.functions, from.functions);
    move_all(to.probes, from.probes);
    if (from.config_span && !to.config_span) {
      to.config = std::move(from.config);
      to.config_span = from.config_span;
    }
  }

  Unit* unit_;
  Diagnostics* diagnostics_;
  fs::path folder_;
  std::set<fs::path> seen_;
  unsigned depth_ = 0;
};

}  // namespace

void load_imports(Unit& unit, Diagnostics& diagnostics) { Loader(unit, diagnostics).run(); }

}  // namespace awl
