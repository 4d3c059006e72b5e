#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <span>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "base/near_names.h"
#include "builtins/builtin.h"
#include "parser/walk.h"
#include "probes/list.h"
#include "semantic/functions.h"
#include "semantic/passes.h"

namespace awl {
namespace {

// Whether a body calls a builtin with a flag.
bool uses(const ast::Probe& probe, BuiltinFlag flag) {
  bool found = false;
  auto look = [&](const std::string& name) {
    const Builtin* row = find_builtin(name);
    if (row && row->flags & flag) found = true;
  };
  auto visit = [&](auto&& self, const auto& node) -> void {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(node)>, ast::Expr>) {
      if (auto* identifier = std::get_if<ast::Identifier>(&node.node)) look(identifier->name);
      if (auto* call = std::get_if<ast::Call>(&node.node)) look(call->name);
    }
    ast::for_each_child(node, Overloaded{[&](const ast::ExprPtr& c) { self(self, *c); }, [&](const ast::StmtPtr& c) { self(self, *c); }});
  };
  if (probe.predicate) visit(visit, *probe.predicate);
  visit(visit, probe.body);
  return found;
}

// The fields of `args` that a probe uses; nothing if it uses `args` as a whole.
std::optional<std::set<std::string>> used_fields(const ast::Probe& probe) {
  std::set<std::string> fields;
  bool whole = false;
  auto is_args = [](const ast::Expr& e) {
    auto* identifier = std::get_if<ast::Identifier>(&e.node);
    auto* call = std::get_if<ast::Call>(&e.node);
    return (identifier && identifier->name == "args") || (call && call->name == "args");
  };
  auto visit = [&](auto&& self, const auto& node) -> void {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(node)>, ast::Expr>) {
      auto* field = std::get_if<ast::Field>(&node.node);
      if (field && is_args(*field->object)) {
        fields.insert(field->name);
        return;
      }
      whole = whole || is_args(node);
    }
    ast::for_each_child(node, Overloaded{[&](const ast::ExprPtr& c) { self(self, *c); }, [&](const ast::StmtPtr& c) { self(self, *c); }});
  };
  if (probe.predicate) visit(visit, *probe.predicate);
  visit(visit, probe.body);
  if (whole) return std::nullopt;
  return fields;
}

std::string access_text(const BytesAccess& a) { return fmt::format("{} {} {} {} {}", a.offset, a.size, a.core_type, a.core_member, a.core_index); }

// Two targets with one text of this look alike to a program that uses these fields. Nothing: not known.
std::optional<std::string> layout_text(const Context& context, const std::optional<std::set<std::string>>& used) {
  std::string text = fmt::format("{} {}", context.user_pointers, context.registers);
  for (const ContextField& field : context.args) {
    if (used && !used->contains(field.name)) continue;
    text += fmt::format("\n{}: ", field.name);
    if (auto* spelled = std::get_if<CSpelling>(&field.type)) text += fmt::format("{} {} {}", spelled->text, spelled->size, spelled->is_signed);
    else if (auto* id = std::get_if<BtfTypeId>(&field.type)) text += fmt::format("type {} of {}", id->id, id->module);
    else return std::nullopt;
    if (auto* bytes = std::get_if<BytesAccess>(&field.access)) text += " at " + access_text(*bytes);
    else if (auto* data = std::get_if<DataLocAccess>(&field.access)) text += " behind " + access_text(data->word);
    else return std::nullopt;
  }
  return text;
}

// `$1` in the parts of an attach point, where its value is known. False if an unknown one stays.
bool substitute_parameters(const CompileOptions& options, std::string& part) {
  bool complete = true;
  for (size_t at = part.find('$'); at != part.npos; at = part.find('$', at + 1)) {
    size_t end = at + 1;
    while (end < part.size() && std::isdigit(static_cast<unsigned char>(part[end]))) ++end;
    if (end == at + 1) continue;
    if (!options.parameters_known) {
      complete = false;
      continue;
    }
    size_t number = std::stoul(part.substr(at + 1, std::min<size_t>(end - at - 1, 6)));
    std::string value = number >= 1 && number <= options.parameters.size() ? options.parameters[number - 1] : "";
    part.replace(at, end - at, value);
    at += value.size();
    if (at >= part.size()) break;
    --at;
  }
  return complete;
}

class Resolver {
 public:
  Resolver(Unit& unit, Diagnostics& diagnostics) : unit_(&unit), diagnostics_(&diagnostics) {}

  void run() {
    for (const ast::Probe& probe : unit_->script.probes) {
      ++source_;
      look_at(probe);
      const std::vector<ast::AttachPoint>& points = probe.attach_points;
      for (size_t i = 0; i < points.size();) {
        size_t end = i + 1;
        while (end < points.size() && points[end].alternative) ++end;
        if (end == i + 1) attach_point(probe, points[i]);
        else alternatives(probe, std::span(points).subspan(i, end - i));
        i = end;
      }
    }
    stand_alone();
    if (total_ > unit_->config.max_probes)
      diagnostics_->report<Diag::too_many_probes>(Span{}, total_, unit_->config.max_probes).hint("raise the config variable max_probes, or match fewer probes");
    if (unit_->probes.size() > unit_->config.max_bpf_progs)
      diagnostics_->report<Diag::too_many_programs>(Span{}, unit_->probes.size(), unit_->config.max_bpf_progs).hint("raise the config variable max_bpf_progs, or match fewer probes");
  }

 private:
  void look_at(const ast::Probe& probe) {
    uses_arguments_ = uses(probe, BuiltinFlag::arguments);
    uses_name_ = uses(probe, BuiltinFlag::names_target);
    per_match_ = uses(probe, BuiltinFlag::per_match);
    uses_numbered_ = uses(probe, BuiltinFlag::numbered_argument);
  }

  // `a else b else c`: all that can be described here go into the object; which one is used is decided where it runs.
  void alternatives(const ast::Probe& probe, std::span<const ast::AttachPoint> points) {
    const size_t before = unit_->probes.size(), errors = diagnostics_->error_count();
    ++group_;
    in_group_ = true;
    for (rank_ = 0; rank_ < points.size(); ++rank_) attach_point(probe, points[rank_]);
    in_group_ = false;
    if (unit_->probes.size() > before || diagnostics_->error_count() > errors) return;
    std::vector<std::string_view> names;
    for (const ast::AttachPoint& point : points) names.push_back(point.text);
    diagnostics_->report<Diag::alternative_missing>(join(points.front().span, points.back().span), fmt::format("{}", fmt::join(names, ", ")));
  }

  // An alternative that does not exist here may still exist where the object runs, if its programs can be made without it.
  void absent_alternative(const ast::Probe& probe, const ast::AttachPoint& point, const Target& target) {
    const bool fixed = target.provider->context_is_args && !uses_arguments_;
    const bool each = is_glob(target.text()) && (target.provider->expand == Expand::program_per_match || uses_arguments_);
    if (!each && (fixed || !target.provider->context || target.provider->context(target, *unit_->host))) return add(probe, point, target, target, 1);
    if (!unit_->options.parameters_known) diagnostics_->report<Diag::alternative_left_out>(point.span, target.text());
  }

  // Kinds that a script may have only one probe of, and names that may be given only once.
  void stand_alone() {
    std::map<std::string, Span> names;
    for (const ProbeInstance& probe : unit_->probes) {
      const Provider& provider = *probe.target.provider;
      if (provider.stands_alone && unit_->probes.size() > 1) {
        diagnostics_->report<Diag::stands_alone>(probe.span, provider.name).hint("put the other probes into a script of their own");
        return;
      }
      if (provider.runs != Runs::as_test && provider.runs != Runs::as_benchmark) continue;
      auto [first, fresh] = names.try_emplace(probe.target.text(), probe.span);
      if (fresh) continue;
      std::string kind(provider.name);
      std::ranges::transform(kind, kind.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      diagnostics_->report<Diag::name_taken>(probe.span, probe.target.parts[0], kind).note(first->second, "this is the other instance");
    }
  }

  void attach_point(const ast::Probe& probe, const ast::AttachPoint& point) {
    if (point.parts.empty()) return;
    const Provider* provider = find_provider(point.parts[0]);
    if (!provider) return unknown_provider(point);
    std::vector<std::string> parts(point.parts.begin() + 1, point.parts.end());
    bool complete = true;
    for (std::string& part : parts) complete &= substitute_parameters(unit_->options, part);
    std::optional<Target> target = provider->parse(parts, point.span, *diagnostics_);
    if (!target) return;
    if (provider->needs_unsafe && provider->needs_unsafe(*target)) {
      if (!unit_->options.unsafe) {
        diagnostics_->report<Diag::unsafe_probe>(point.span, target->text()).hint("give --unsafe if you are sure");
        return;
      }
      unit_->meta.needs_unsafe = true;
    }
    if (const std::optional<Placement> placement = provider->placement ? provider->placement(*target) : std::nullopt; placement && placement->setter) {
      add_setter(point, *placement);
      look_at(probe);
    }
    if (!complete || (unit_->options.testing && provider->takes_packets)) return add(probe, point, *target, *target, 1);
    Result<std::vector<Target>> matches = provider->match(*target, *unit_->host);
    if (in_group_ && (!matches || matches->empty())) return absent_alternative(probe, point, *target);
    if (!matches) return world(point, matches.error());
    if (matches->empty()) return no_match(point, *target);
    total_ += matches->size();
    const bool several = is_glob(target->text()) || (matches->size() > 1 && provider->expand == Expand::program_per_match);
    const bool split = several && (provider->expand == Expand::program_per_match || uses_arguments_ || per_match_);
    if (!split) return add(probe, point, *target, matches->front(), matches->size());
    if (target->provider->context_is_args && !in_group_ && !per_match_) return add_by_layout(probe, point, *target, *matches);
    for (const Target& match : *matches) add(probe, point, match, match, 1);
  }

  // The probe behind a place that an argument tells: `where { watch("NAME", argN) }`.
  void add_setter(const ast::AttachPoint& point, const Placement& placement) {
    const Target& where = *placement.setter;
    Result<std::vector<Target>> matches = where.provider->match(where, *unit_->host);
    if (!matches) return world(point, matches.error());
    if (matches->empty()) return no_match(point, where);
    ast::Call call{.name = placement.stops ? "watch_stopped" : "watch", .name_span = point.span};
    call.args.push_back(ast::make(point.span, ast::String{placement.name}));
    call.args.push_back(ast::make(point.span, ast::Identifier{placement.argument}));
    ast::Probe setter{.span = point.span};
    setter.body.statements.push_back(ast::make_stmt(point.span, ast::ExprStmt{ast::make(point.span, std::move(call))}));
    look_at(setter);
    add(setter, point, where, matches->front(), matches->size());
  }

  // One program for all targets whose arguments lie in the same places.
  void add_by_layout(const ast::Probe& probe, const ast::AttachPoint& point, const Target& target, const std::vector<Target>& matches) {
    const std::optional<std::set<std::string>> used = used_fields(probe);
    std::map<std::string, size_t> first_of;
    std::vector<std::vector<Target>> groups;
    for (const Target& match : matches) {
      Result<Context> context = match.provider->context(match, *unit_->host);
      if (!context) return world(point, context.error());
      const std::optional<std::string> layout = layout_text(*context, used);
      auto [at, fresh] = first_of.try_emplace(layout.value_or(match.text()), groups.size());
      if (fresh) groups.emplace_back();
      groups[at->second].push_back(match);
    }
    for (const std::vector<Target>& group : groups) {
      const size_t before = unit_->probes.size();
      add(probe, point, group.front(), group.front(), group.size());
      if (group.size() == 1 || unit_->probes.size() == before) continue;
      unit_->probes.back().probe_text = target.text();
      unit_->probes.back().also.assign(group.begin() + 1, group.end());
    }
  }

  // `match` is an existing target that stands for all that `target` means.
  void add(const ast::Probe& probe, const ast::AttachPoint& point, const Target& target, const Target& match, size_t matches) {
    ProbeInstance instance{.target = target, .probe_text = matches == 1 ? match.text() : target.text(), .span = point.span};
    instance.source = source_;
    if (in_group_) {
      instance.group = group_;
      instance.rank = rank_;
    }
    instance.per_target = uses_name_ && matches > 1;
    instance.uses_places = target.provider->places && (instance.per_target || uses_numbered_);
    if (target.provider->context_is_args && !uses_arguments_) {
      instance.context.has_args = true;
    } else if (target.provider->context) {
      Result<Context> context = target.provider->context(match, *unit_->host);
      if (!context) return world(point, context.error());
      instance.context = std::move(*context);
      if (uses_arguments_ && target.provider->arguments)
        if (Result<> filled = target.provider->arguments(match, *unit_->host, instance.context); !filled) return world(point, filled.error());
    }
    if (!instance.context.verdicts) instance.context.verdicts = target.provider->verdicts;
    if (probe.predicate) instance.predicate = ast::clone(*probe.predicate);
    instance.body = ast::clone(probe.body);
    unit_->probes.push_back(std::move(instance));
  }

  void world(const ast::AttachPoint& point, const Error& error) {
    Diagnostic& d = diagnostics_->report<Diag::probe_refused>(point.span, error.text());
    if (!error.hint.empty()) d.hint(error.hint);
  }

  void unknown_provider(const ast::AttachPoint& point) {
    std::vector<std::string_view> names;
    for (const Provider* p : providers()) {
      names.push_back(p->name);
      names.insert(names.end(), p->aliases.begin(), p->aliases.end());
    }
    Diagnostic& d = diagnostics_->report<Diag::unknown_provider>(point.span, point.parts[0]);
    std::string name = point.parts[0];
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (auto near = name.size() > 2 ? nearest_name(name, names) : std::nullopt) d.hint(fmt::format("did you mean '{}'?", *near));
  }

  void no_match(const ast::AttachPoint& point, const Target& target) {
    const std::string& policy = unit_->config.missing_probes;
    std::string what = fmt::format("{}", fmt::join(target.parts, ":"));
    if (policy == "ignore") return;
    if (policy == "warn") {
      diagnostics_->report<Diag::no_match_skipped>(point.span, target.provider->name, what);
      diagnostics_->report<Diag::probe_removed>(point.span);
      return;
    }
    if (is_glob(what)) {
      diagnostics_->report<Diag::no_attach_point>(point.span);
      return;
    }
    Diagnostic& d = diagnostics_->report<Diag::no_match>(point.span, target.provider->name, what);
    if (auto near = nearest_target(target, *unit_->host)) d.hint(fmt::format("did you mean '{}'?", *near));
  }

  Unit* unit_;
  Diagnostics* diagnostics_;
  uint32_t source_ = 0;
  size_t total_ = 0;
  bool uses_arguments_ = false, uses_name_ = false, per_match_ = false, uses_numbered_ = false;
  bool in_group_ = false;  // an attach point of alternatives is looked at
  uint32_t group_ = 0, rank_ = 0;
};

}  // namespace

void resolve_probes(Unit& unit, Diagnostics& diagnostics) {
  define_functions(unit, diagnostics);
  Resolver(unit, diagnostics).run();
}

}  // namespace awl
