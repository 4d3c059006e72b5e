#include <algorithm>
#include <cctype>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "builtins/builtin.h"
#include "parser/walk.h"
#include "probes/features.h"
#include "probes/parts.h"
#include "semantic/calls.h"
#include "semantic/operators.h"
#include "semantic/passes.h"

namespace awl {
namespace {

using artifact::Action;
using artifact::ParamKind;

constexpr std::string_view division_text = "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result.";
constexpr std::string_view full_text =
    "Map full; can't update element. Try increasing max_map_keys config or manually setting the max entries in a map declaration e.g. `let @a = hash(5000)`";

constexpr std::string_view index_text = "No element has this index. Try a larger size in the map declaration e.g. `let @a = array(5000)`";

constexpr std::string_view no_memory_text = "The kernel found no memory to keep a value with this object.";

constexpr std::string_view cut_text = "Loop cut short: it has more turns than this kernel allows. On Linux 6.4 or newer (5.17 for a script that is not run from an object) 8388608 are possible.";

constexpr std::string_view absent_text = "Can't lookup map element because it does not exist.";

constexpr uint32_t align_up(uint32_t value, uint32_t align) { return (value + align - 1) / align * align; }

// A source line and its underline; of a very long line what is around the underline, since each of the many sites on such a line keeps its own.
std::string excerpt(std::string shown) {
  constexpr size_t long_line = 1000, around = 60;
  size_t line_end = shown.find('\n');
  size_t from = line_end == shown.npos ? shown.npos : shown.find('~', line_end + 1);
  if (line_end == shown.npos || line_end < long_line || from == shown.npos) return shown;
  size_t to = shown.find_first_not_of('~', from), begin = from - (line_end + 1), end = (to == shown.npos ? shown.size() : to) - (line_end + 1);
  if (end > line_end || end - begin > long_line) return shown;
  size_t first = begin > around ? begin - around : 0, last = std::min(end + around, line_end);
  std::string before = first ? "... " : "", after = last < line_end ? " ..." : "";
  return before + shown.substr(first, last - first) + after + "\n" + std::string(before.size() + begin - first, ' ') + std::string(end - begin, '~') + "\n";
}

std::string identifier(std::string_view text) {
  std::string out;
  for (unsigned char c : text) out += std::isalnum(c) ? static_cast<char>(c) : '_';
  return out;
}

// The type in which an argument travels in an event.
Type payload_type(TypeTable& types, Type t) { return is_aggregation(t) ? number_type(types, t) : t; }

class Planner;

class CallPlan : public PlanCall {
 public:
  CallPlan(Planner& planner, Unit& unit, ast::Expr& expr, artifact::Site& site) : planner_(&planner), unit_(&unit), expr_(&expr), call_(&std::get<ast::Call>(expr.node)), site_(&site) {}
  uint32_t param(artifact::Param param) override { return intern_param(*unit_, std::move(param)); }
  uint32_t string(std::string_view text) override;
  artifact::Site& site() override { return *site_; }
  void need(Feature feature, std::string_view construct) override;
  void require(std::string_view feature) override;
  void warn(std::string_view text, std::string_view helper) override;
  int32_t map_index(size_t arg) override;
  void lay_out_key(size_t arg) override;
  void lay_out(size_t first_arg) override;

 private:
  void add(Type type);
  Planner* planner_;
  Unit* unit_;
  ast::Expr* expr_;
  ast::Call* call_;
  artifact::Site* site_;
};

class Planner {
 public:
  Planner(Unit& unit) : unit_(&unit), meta_(&unit.meta) {}

  void run() {
    meta_->source_name = unit_->script.file ? unit_->sources->file(unit_->script.file).name : "";
    meta_->arch = "x86_64";
    for (const artifact::Param& option : unit_->program_options) intern_param(*unit_, option);
    maps();
    for (ProbeInstance& probe : unit_->probes) program(probe);
    sessions();
    for (FunctionInstance& function : unit_->functions) {
      probe_ = &function.body;
      children(function.body.body);
    }
    globals();
    settings();
  }

  // What the kernel must have for what stands at `span`; each feature is asked for where it is needed first.
  void need(Feature feature, std::string_view construct, Span span) {
    std::string name(feature_name(feature));
    if (std::ranges::find(meta_->needs, name, &artifact::Need::feature) != meta_->needs.end()) return;
    meta_->needs.push_back({name, std::string(construct), place(span), site_at(span, Action::runtime_error).source_line});
  }

  // What who runs the object must know.
  void require(std::string_view feature) {
    if (std::ranges::find(meta_->required, feature) == meta_->required.end()) meta_->required.emplace_back(feature);
  }

  // A site that warns at run time; without a text the answer of the helper is the text.
  int32_t runtime_error(Span span, std::string_view text, std::string_view helper, int32_t map = -1) {
    artifact::Site site = site_at(span, Action::runtime_error);
    site.text = text;
    site.helper = helper;
    site.map = map;
    site.args.push_back({"", 0, {artifact::Type{.kind = Kind::integer, .size = 8, .is_signed = true}}});
    site.payload = 8;
    return add_site(span, std::move(site));
  }

 private:
  void maps() {
    if (!unit_->script.loads.empty()) require("load");
    if (std::ranges::any_of(unit_->maps, [](const auto& entry) { return !entry.second.pin.empty(); })) require("pin");
    for (auto& [name, info] : unit_->maps) {
      info.index = static_cast<int32_t>(meta_->maps.size());
      artifact::Map map{.name = name, .value = unit_->types.describe(info.value), .histogram = info.value->histogram};
      bool percpu = is_aggregation(info.value);
      bool keyed = info.keyed && info.key;
      map.storage = keyed || (info.kind && info.kind->key == MapKind::Key::none) ? kind_of(info).storage : (percpu ? artifact::Storage::percpu_slot : artifact::Storage::global);
      if (keyed) map.key.push_back(unit_->types.describe(info.key));
      map.default_size = info.declared_entries == 0 && !info.kind;
      map.max_entries = map.storage != artifact::Storage::global && map.storage != artifact::Storage::percpu_slot ? static_cast<uint32_t>(info.declared_entries || info.kind ? info.declared_entries : unit_->config.max_map_keys) : 1;
      if (map.storage != artifact::Storage::global) map.elf_name = name.size() > 1 ? "at_" + identifier(name.substr(1)) : "at";
      // What stays for others is not taken out.
      const bool prints = artifact::is_listed(map.storage) || (map.storage == artifact::Storage::queue && info.pin.empty());
      map.print_at_exit = prints && !info.only_loaded;
      if (info.kind && info.kind->needs) need(*info.kind->needs, fmt::format("a map of kind {}", info.kind->name), info.first_use);
      map.pin = info.pin;
      meta_->maps.push_back(std::move(map));
    }
    for (const ast::Load& load : unit_->script.loads)
      meta_->loads.push_back({static_cast<uint32_t>(unit_->maps.at(load.name).index), load.path, load.parameter, place(load.span)});
  }

  // .bss: values of scalars and whether they are set, variables of tests that send packets, then the lost counters.
  void globals() {
    uint32_t offset = 0;
    for (artifact::Map& map : meta_->maps) {
      if (map.storage != artifact::Storage::global) continue;
      map.offset = offset;
      map.set_offset = align_up(offset + map.value.size, 8);
      offset = static_cast<uint32_t>(map.set_offset) + 8;
    }
    for (ProbeInstance& probe : unit_->probes) {
      if (probe.sends.empty()) continue;
      probe.variables_offset = offset;
      for (const auto& [name, variable] : probe.variables) offset += variable.type ? align_up(variable.type->size, 8) : 0;
    }
    meta_->lost_offset = offset;
    meta_->globals_size = offset + 8 * static_cast<uint32_t>(unit_->probes.size());
  }

  void program(ProbeInstance& probe) {
    probe_ = &probe;
    const Target& target = probe.target;
    probe.elf_name = fmt::format("{}_{}", identifier(target.text()), meta_->programs.size() + 1);
    meta_->programs.push_back({.elf_name = probe.elf_name, .provider = std::string(target.provider->name), .target = target.parts, .probe = probe.probe_text, .per_target = probe.per_target, .place = place(probe.span), .uses_places = probe.uses_places, .group = probe.group, .rank = probe.rank});
    for (const Target& other : probe.also) meta_->programs.back().also.push_back(other.parts);
    meta_->probe_names.push_back(probe.probe_text);
    if (target.provider->pid_by_predicate)
      for (ParamKind kind : {ParamKind::pid, ParamKind::pid_namespace_dev, ParamKind::pid_namespace_ino}) intern_param(*unit_, {.kind = kind});
    if (probe.per_target || probe.uses_places) intern_param(*unit_, {.kind = ParamKind::feature, .name = "attach_cookie"});
    probe.first_send = static_cast<uint32_t>(meta_->sends.size());
    for (const ProbeInstance::Send& send : probe.sends) meta_->sends.push_back({send.program, send.packet, place(send.span)});
    if (probe.predicate) expr(probe.predicate);
    children(probe.body);
  }

  // Programs on entry and on return of the same functions become pairs. Only where there may be several functions: one alone is attached without a multi link.
  void sessions() {
    std::vector<artifact::Program>& programs = meta_->programs;
    const auto alone = [&](size_t i) { return programs[i].group == 0 && programs[i].also.empty() && programs[i].session.empty(); };
    for (size_t i = 0; i < programs.size(); ++i) {
      const Target& target = unit_->probes[i].target;
      if (!target.provider->session || !alone(i) || !(is_glob(target.text()) || std::ranges::any_of(target.parts, has_parameter))) continue;
      for (size_t j = 0; j < programs.size(); ++j) {
        if (programs[j].provider != target.provider->session->returns || programs[j].target != target.parts || !alone(j)) continue;
        programs[i].session = programs[j].session = programs[i].elf_name + "_session";
        break;
      }
    }
  }

  std::string place(Span span) const {
    Position begin = unit_->sources->position(span.file, span.begin), end = unit_->sources->position(span.file, span.end);
    return fmt::format("{}:{}:{}-{}", unit_->sources->file(span.file).name, begin.line, begin.column, end.column);
  }

  template <typename Node>
  void children(Node& n) {
    ast::for_each_child(n, Overloaded{[&](ast::ExprPtr& c) { expr(c); }, [&](ast::StmtPtr& c) { statement(*c); }});
  }

  void statement(ast::Stmt& s) {
    auto* assign = std::get_if<ast::Assign>(&s.node);
    if (auto* loop = std::get_if<ast::ForMap>(&s.node)) return for_map(*loop);
    auto* range = std::get_if<ast::ForRange>(&s.node);
    if (std::holds_alternative<ast::While>(s.node) || (range && !counted_turns(*range))) endless(s);
    if (!assign) return children(s);
    expr(assign->value);
    children(*assign->target);
    update(*assign->target, is_aggregation(assign->value->type) ? assign->value->span : s.span);
    if (assign->op && unit_->options.warn_helpers) warn(*assign->target);
    if (assign->op) division(&s, s.span, *assign->op, *assign->value);
  }

  void for_map(ast::ForMap& loop) {
    need(Feature::for_each_map, "a loop over a map", join(loop.variable_span, loop.map->span));
    const MapInfo& info = unit_->maps.at(std::get<ast::MapRef>(loop.map->node).name);
    if (is_aggregation(info.value)) merged(loop.map->span);
    children(loop.body);
  }

  void endless(const ast::Stmt& s) {
    intern_param(*unit_, {.kind = ParamKind::feature, .name = std::string(feature_name(Feature::iterators))});
    unit_->loop_sites[&s] = runtime_error(s.span, cut_text, "");
  }

  // An aggregation's value over all CPUs is looked at.
  void merged(Span span) {
    need(Feature::percpu_lookup, "the value of an aggregation over all CPUs", span);
    intern_param(*unit_, {.kind = ParamKind::ncpus});
  }

  void expr(ast::ExprPtr& e) {
    auto* called = std::get_if<ast::Call>(&e->node);
    for (size_t i = 0; called && i < called->args.size(); ++i) {
      if (is_whole_map(*called, i)) continue;
      if (names_element(*called, i)) children(*called->args[i]);
      else expr(called->args[i]);
    }
    if (!called) children(*e);
    if (unit_->options.warn_helpers) warn(*e);
    if (auto* call = std::get_if<ast::Call>(&e->node)) plan_call(*e, *call);
    else if (auto* binary = std::get_if<ast::Binary>(&e->node)) division(e.get(), e->span, binary->op, *binary->right);
    else if (auto* change = std::get_if<ast::IncDec>(&e->node)) update(*change->target, e->span);
    else if (std::holds_alternative<ast::MapRef>(e->node) && is_aggregation(e->type)) merged(e->span);
    else if (auto* parameter = std::get_if<ast::Parameter>(&e->node)) open_parameter(*e, *parameter);
  }

  void open_parameter(const ast::Expr& e, const ast::Parameter& p) {
    if (p.index == 0) intern_param(*unit_, {.kind = ParamKind::positional_count});
    else if (is_string(e.type)) intern_param(*unit_, {.kind = ParamKind::positional_text, .index = p.index, .size = e.type->size});
    else intern_param(*unit_, {.kind = ParamKind::positional_number, .index = p.index});
  }

  // Messages of the run side name places of the script that is run: for text of a macro or an import, what brought it in.
  Span in_script(Span span) const {
    while (Span from = unit_->sources->expanded_from(span)) span = from;
    return span;
  }

  artifact::Site site_at(Span span, Action action) {
    span = in_script(span);
    Position begin = unit_->sources->position(span.file, span.begin), end = unit_->sources->position(span.file, span.end);
    artifact::Site site{.action = action, .line = begin.line, .column = begin.column, .column_end = end.column};
    if (action != Action::runtime_error) return site;  // others are not shown with their line
    std::string shown = render_place(*unit_->sources, span, "", "");
    site.source_line = excerpt(shown.substr(shown.find('\n') + 1));
    return site;
  }

  // Equal sites of one place are one: programs made from one body share them.
  int32_t add_site(Span span, artifact::Site site) {
    auto [first, last] = places_.equal_range({span.begin, span.end});
    for (auto it = first; it != last; ++it) {
      const artifact::Site& other = meta_->sites[static_cast<size_t>(it->second)];
      if (other.action == site.action && other.text == site.text && other.helper == site.helper && other.args == site.args && other.payload == site.payload && other.map == site.map && other.top == site.top && other.div == site.div && other.line == site.line) return it->second;
    }
    int32_t index = static_cast<int32_t>(meta_->sites.size());
    places_.emplace(std::pair{span.begin, span.end}, index);
    meta_->sites.push_back(std::move(site));
    return index;
  }

  void division(const void* node, Span span, ast::BinaryOp op, const ast::Expr& divisor) {
    if (op != ast::BinaryOp::divide && op != ast::BinaryOp::modulo) return;
    const ast::Integer* literal = integer_literal(divisor);
    if (literal && literal->value != 0) return;
    unit_->division_sites[node] = runtime_error(span, division_text, "");
  }

  void update(const ast::Expr& target, Span span) {
    auto* map = std::get_if<ast::MapRef>(&target.node);
    if (!map || !map->keyed) return;
    if (kind_of(unit_->maps.at(map->name)).storage == artifact::Storage::redirect) return store(target, span);
    const artifact::Storage storage = kind_of(unit_->maps.at(map->name)).storage;
    const std::string_view text = artifact::is_array(storage) ? index_text : storage == artifact::Storage::object ? no_memory_text : full_text;
    unit_->update_sites[&target] = runtime_error(span, text, "map_update_elem", unit_->maps.at(map->name).index);
  }

  // Programs cannot write to the map: the run side does.
  void store(const ast::Expr& target, Span span) {
    artifact::Site site = site_at(span, Action::store);
    site.map = unit_->maps.at(std::get<ast::MapRef>(target.node).name).index;
    const artifact::Type number{.kind = Kind::integer, .size = 4};
    site.args = {{"", 0, {number}}, {"", 4, {number}}};
    site.payload = 8;
    unit_->update_sites[&target] = add_site(span, std::move(site));
  }

  // What -k warns of: elements that are not there, memory that cannot be read.
  void warn(const ast::Expr& e) {
    auto* map = std::get_if<ast::MapRef>(&e.node);
    if (map && map->keyed) unit_->lookup_sites[&e] = runtime_error(e.span, absent_text, "map_lookup_elem");
    auto* call = std::get_if<ast::Call>(&e.node);
    auto* unary = std::get_if<ast::Unary>(&e.node);
    bool reads = std::holds_alternative<ast::Field>(e.node) || std::holds_alternative<ast::Index>(e.node) || std::holds_alternative<ast::Cast>(e.node) ||
                 (unary && unary->op == ast::UnaryOp::dereference) || (call && call->builtin && !call->args.empty());
    if (reads) unit_->read_sites[&e] = {runtime_error(e.span, "", "probe_read_kernel"), runtime_error(e.span, "", "probe_read_user")};
  }

  void plan_call(ast::Expr& e, ast::Call& call) {
    if (call.function >= 0) return;
    const Builtin& row = *call.builtin;
    if (row.flags & BuiltinFlag::unsafe) meta_->needs_unsafe = true;
    if (row.flags & BuiltinFlag::names_target && probe_->per_target) intern_param(*unit_, {.kind = ParamKind::feature, .name = "attach_cookie"});
    bool async = row.flags & BuiltinFlag::async;
    if (!async && !row.plan) return;
    artifact::Site site = site_at(e.span, row.action);
    CallPlan plan(*this, *unit_, e, site);
    CallView view(*unit_, *probe_, e);
    if (row.plan) row.plan(view, plan);
    else plan.lay_out(0);
    if (async && probe_->context.sequence) sequence_output(e, site);
    if (async) call.site = add_site(e.span, std::move(site));
  }

  // A pinned iterator has no tracer that would take events; its printf writes with the kernel's own means.
  void sequence_output(const ast::Expr& e, const artifact::Site& site) {
    if (site.action != Action::printf) {
      unit_->diagnostics->report<Diag::pinned_output>(e.span, std::get<ast::Call>(e.node).name).hint("without the pin the tracer runs the iterator: everything can be used there");
      return;
    }
    for (const artifact::Element& argument : site.args) {
      Kind kind = argument.type.at(0).kind;
      if (kind == Kind::integer || kind == Kind::boolean || kind == Kind::pointer || kind == Kind::enumeration || kind == Kind::string) continue;
      unit_->diagnostics->report<Diag::pinned_value>(e.span).hint("print it as a number or as a string, or run the iterator without the pin");
      return;
    }
  }

  void settings() {
    const Config& c = unit_->config;
    auto truth = [](bool b) { return b ? "true" : "false"; };
    static constexpr std::string_view modes[] = {"bpftrace", "perf", "raw", "build_id"};
    meta_->settings = {
        {"cache_user_symbols", c.cache_user_symbols},
        {"cpp_demangle", truth(c.cpp_demangle)},
        {"lazy_symbolication", truth(c.lazy_symbolication)},
        {"license", c.license},
        {"log_size", std::to_string(c.log_size)},
        {"max_cat_bytes", std::to_string(c.max_cat_bytes)},
        {"max_map_keys", std::to_string(c.max_map_keys)},
        {"max_probes", std::to_string(c.max_probes)},
        {"max_strlen", std::to_string(c.max_strlen)},
        {"missing_probes", c.missing_probes},
        {"perf_rb_pages", std::to_string(c.perf_rb_pages)},
        {"print_maps_on_exit", truth(c.print_maps_on_exit)},
        {"show_debug_info", truth(c.show_debug_info)},
        {"stack_mode", std::string(modes[static_cast<size_t>(c.stack_mode)])},
        {"str_trunc_trailer", c.str_trunc_trailer},
    };
    std::erase_if(meta_->settings, [](const artifact::Setting& s) { return s.name == "cache_user_symbols" && s.value.empty(); });
  }

  Unit* unit_;
  artifact::Meta* meta_;
  ProbeInstance* probe_ = nullptr;
  std::multimap<std::pair<uint32_t, uint32_t>, int32_t> places_;
};

uint32_t CallPlan::string(std::string_view text) {
  auto& strings = unit_->meta.strings;
  auto found = std::ranges::find(strings, text);
  if (found == strings.end()) found = strings.emplace(strings.end(), text);
  return static_cast<uint32_t>(found - strings.begin());
}

void CallPlan::require(std::string_view feature) { planner_->require(feature); }

void CallPlan::need(Feature feature, std::string_view construct) { planner_->need(feature, construct, expr_->span); }

void CallPlan::warn(std::string_view text, std::string_view helper) { call_->site = planner_->runtime_error(expr_->span, text, helper); }

int32_t CallPlan::map_index(size_t arg) { return unit_->maps.at(std::get<ast::MapRef>(call_->args.at(arg)->node).name).index; }

void CallPlan::add(Type type) {
  type = payload_type(unit_->types, type);
  if (!type || type->kind == Kind::none) return;
  uint32_t offset = align_up(site_->payload, type->align);
  site_->args.push_back({"", offset, {unit_->types.describe(type)}});
  site_->payload = offset + type->size;
}

void CallPlan::lay_out_key(size_t arg) {
  const MapInfo& map = unit_->maps.at(std::get<ast::MapRef>(call_->args.at(arg)->node).name);
  if (map.key) add(map.key);
}

void CallPlan::lay_out(size_t first_arg) {
  for (size_t i = first_arg; i < call_->args.size(); ++i) add(call_->args[i]->type);
}

}  // namespace

uint32_t intern_param(Unit& unit, artifact::Param param) {
  std::string key = fmt::format("{}:{}:{}", static_cast<int>(param.kind), param.name, param.index);
  auto [it, fresh] = unit.param_slots.try_emplace(key, static_cast<uint32_t>(unit.meta.params.size()));
  if (fresh) {
    uint32_t end = unit.meta.params.empty() ? 0 : unit.meta.params.back().offset + unit.meta.params.back().size;
    param.offset = align_up(end, 8);
    unit.meta.params.push_back(std::move(param));
  }
  return it->second;
}

std::optional<uint64_t> counted_turns(const ast::ForRange& loop) {
  constexpr uint64_t followed = 256;
  const ast::Integer *from = integer_literal(*loop.from), *to = integer_literal(*loop.to);
  if (!from || !to) return std::nullopt;
  auto low = static_cast<int64_t>(from->value), high = static_cast<int64_t>(to->value);
  uint64_t turns = high > low ? to->value - from->value : 0;
  return turns <= followed ? std::optional(turns) : std::nullopt;
}

void plan(Unit& unit, Diagnostics&) { Planner(unit).run(); }

}  // namespace awl
