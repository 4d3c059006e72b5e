#include <algorithm>
#include <cctype>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "base/near_names.h"
#include "builtins/builtin.h"
#include "parser/walk.h"
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
      uses_arguments_ = uses(probe, BuiltinFlag::arguments);
      uses_name_ = uses(probe, BuiltinFlag::names_target);
      per_match_ = uses(probe, BuiltinFlag::per_match);
      uses_numbered_ = uses(probe, BuiltinFlag::numbered_argument);
      for (const ast::AttachPoint& point : probe.attach_points) attach_point(probe, point);
    }
    if (total_ > unit_->config.max_probes)
      diagnostics_->report<Diag::too_many_probes>(Span{}, total_, unit_->config.max_probes).hint("raise the config variable max_probes, or match fewer probes");
    if (unit_->probes.size() > unit_->config.max_bpf_progs)
      diagnostics_->report<Diag::too_many_programs>(Span{}, unit_->probes.size(), unit_->config.max_bpf_progs).hint("raise the config variable max_bpf_progs, or match fewer probes");
  }

 private:
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
    if (!complete) return add(probe, point, *target, *target, 1);
    Result<std::vector<Target>> matches = provider->match(*target, *unit_->host);
    if (!matches) return world(point, matches.error());
    if (matches->empty()) return no_match(point, *target);
    total_ += matches->size();
    bool split = is_glob(target->text()) && (provider->expand == Expand::program_per_match || uses_arguments_ || per_match_);
    if (!split) return add(probe, point, *target, matches->front(), matches->size());
    for (const Target& match : *matches) add(probe, point, match, match, 1);
  }

  // `match` is an existing target that stands for all that `target` means.
  void add(const ast::Probe& probe, const ast::AttachPoint& point, const Target& target, const Target& match, size_t matches) {
    ProbeInstance instance{.target = target, .probe_text = matches == 1 ? match.text() : target.text(), .span = point.span};
    instance.source = source_;
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
    if (auto near = near_target(target)) d.hint(fmt::format("did you mean '{}'?", *near));
  }

  // An existing target whose last part is spelt much the same; if the part in front is wrong, one where that is.
  std::optional<std::string> near_target(const Target& target) {
    for (size_t i = target.parts.size(); i-- > 0;) {
      Target pattern = target;
      pattern.parts[i] = "*";
      Result<std::vector<Target>> all = target.provider->match(pattern, *unit_->host);
      if (!all) continue;
      std::vector<std::string_view> names;
      for (const Target& t : *all)
        if (i < t.parts.size()) names.push_back(t.parts[i]);
      if (auto near = nearest_name(target.parts[i], names)) {
        pattern.parts[i] = *near;
        return pattern.text();
      }
    }
    return std::nullopt;
  }

  Unit* unit_;
  Diagnostics* diagnostics_;
  uint32_t source_ = 0;
  size_t total_ = 0;
  bool uses_arguments_ = false, uses_name_ = false, per_match_ = false, uses_numbered_ = false;
};

}  // namespace

void resolve_probes(Unit& unit, Diagnostics& diagnostics) {
  define_functions(unit, diagnostics);
  Resolver(unit, diagnostics).run();
}

}  // namespace awl
