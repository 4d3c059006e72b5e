// Calls of builtins: what their rows are given.
#include <algorithm>
#include <cassert>

#include "codegen/lower_internal.h"

namespace awl {
namespace {

class RowLowering : public CallLower {
 public:
  RowLowering(Lowering& lowering, const ast::Expr& e, const ast::Call& call) : l_(&lowering), expr_(&e), call_(&call) {}

  Value to;                            // lower_into rows
  bool pad = false;
  const ast::Expr* element = nullptr;  // aggregation rows

  Emit& emit() override { return l_->emit; }
  const ast::Call& call() override { return *call_; }
  TypeTable& types() override { return l_->types; }
  Type type() override { return element ? l_->map_info(*element).value : expr_->type; }
  const Config& config() override { return l_->unit.config; }
  const Target& target() override { return l_->instance.target; }
  const Context& context() override { return l_->instance.context; }
  Host& host() override { return *l_->unit.host; }
  Value value(size_t i) override { return l_->scalar(arg(i)); }
  Value value64(size_t i) override { return l_->number64(arg(i)); }
  Value address(size_t i) override { return l_->address(arg(i)); }
  using CallLower::into;
  void into(size_t i, Type wanted, Value destination) override { l_->into(arg(i), wanted, destination, pad); }
  Value destination() override { return to; }
  Value access(const Access& access) override { return l_->access(access); }
  uint32_t param(artifact::ParamKind kind, std::string_view name) override {
    int64_t index = l_->find_param(kind, name);
    assert(index >= 0);
    return static_cast<uint32_t>(std::max<int64_t>(index, 0));
  }
  void probe_read(Value destination, uint32_t size, Value from, AddressSpace space) override {
    l_->probe_read(destination, size, from, space == AddressSpace::user);
  }
  Value check_read(Value code, bool user) override { return l_->check_read(code, user); }
  Value check_sent(Value code) override {
    emit().branch(emit().compare(Compare::slt, code, emit().imm(0)), [&] { l_->count_lost_event(); });
    return code;
  }
  void send_event(const std::function<void(Value)>& fill) override { l_->send_call(*call_, fill); }
  Value place(size_t i) override {
    const ast::Expr& e = arg(i);
    return is_pointer(e.type) ? emit().to_address(l_->scalar(e)) : l_->place(e).address;
  }
  void warn(Value number) override { l_->runtime_error(call_->site, number); }
  uint32_t string_index(std::string_view text) override {
    auto& strings = l_->unit.meta.strings;
    auto found = std::ranges::find(strings, text);
    assert(found != strings.end());
    return static_cast<uint32_t>(found - strings.begin());
  }
  Value probe_id() override { return l_->probe_id(); }
  Value find_element(size_t map, size_t key) override {
    const MapInfo& info = l_->map_info(arg(map));
    return l_->find(info, map == key ? l_->key(arg(map)) : l_->key(info, arg(key)));
  }
  Value remove_element(size_t map, size_t key) override { return l_->remove(arg(map), arg(key)); }
  uint32_t stack_room() override { return l_->types.stack_room(); }
  Value find_into(size_t map, size_t key, size_t variable) override { return l_->find_into(arg(map), arg(key), arg(variable)); }
  Value has_element(size_t map, size_t key) override { return l_->has_element(arg(map), arg(key)); }
  Value push(size_t map, size_t value) override { return l_->push(arg(map), arg(value)); }
  Value take_into(size_t map, size_t variable, uint32_t helper) override { return l_->take_into(arg(map), arg(variable), helper); }
  Value map(size_t map) override { return emit().map(l_->map_info(arg(map)).index); }
  Value map_key(size_t map, size_t key) override { return l_->key(l_->map_info(arg(map)), arg(key)); }
  Value count_elements(size_t map) override {
    const MapInfo& info = l_->map_info(arg(map));
    if (!info.keyed) return {};
    if (artifact::is_array(l_->stored(info).storage)) return emit().imm(l_->stored(info).max_entries);
    Value count = emit().scratch(8);
    emit().store(count, emit().imm(0));
    emit().each(emit().map(l_->map_info(arg(map)).index), [&](Value, Value) { emit().store(count, emit().binary(Op::add, emit().load(count, 64), emit().imm(1))); });
    return emit().load(count, 64);
  }
  Value packet_view(const PacketView& view) override { return l_->packet_view(view); }
  bool padded() override { return pad; }
  void with_element(const std::function<void(Value)>& use, std::optional<Value> piece) override {
    assert(element);
    l_->with_element(*element, use, piece);
  }

 private:
  Lowering* l_;
  const ast::Expr* expr_;
  const ast::Call* call_;
};

}  // namespace

Value Lowering::call(const ast::Expr& e, const ast::Call& node) {
  if (node.function >= 0) return function_call(e, node, {});
  assert(node.builtin);
  if (!node.builtin->lower) {  // `func` is one word for kernel functions and more for a process's
    Value made = memory(e.type->size);
    call_into(e, node, made, true);
    return load_scalar(made, e.type);
  }
  RowLowering row(*this, e, node);
  Value v = node.builtin->lower(emit, row);
  if (!v || !is_scalar(e.type)) return v;
  unsigned bits = bits_of(e.type), width = emit.width(v);
  return width == bits ? v : emit.resize(v, bits, false);
}

// Arguments that are no numbers go by their address, and so does the place of a result that is none.
Value Lowering::function_call(const ast::Expr& e, const ast::Call& node, Value to) {
  const FunctionInstance& function = unit.functions.at(static_cast<size_t>(node.function));
  std::vector<Value> args;
  for (size_t i = 0; i < node.args.size(); ++i) {
    Type type = function.parameters[i].type;
    const ast::Expr& given = *node.args[i];
    if (is_scalar(type)) {
      args.push_back(emit.resize(number(given, type), 64, type->is_signed));
    } else if (given.type == type) {
      args.push_back(address(given));
    } else {
      args.push_back(memory(type->size));
      into(given, type, args.back(), true);
    }
  }
  if (function.external) {
    std::vector<Type> parameters;
    for (const FunctionInstance::Parameter& p : function.parameters) parameters.push_back(p.type);
    Type result = function.result ? function.result : types.none();
    Value given = emit.external(function.name, args, parameters, result);
    return function.result && emit.width(given) != bits_of(e.type) ? emit.resize(given, bits_of(e.type), false) : given;
  }
  bool by_address = function.result && !is_scalar(function.result);
  if (by_address) args.push_back(to ? to : memory(function.result->size));
  Value v = emit.subprogram(function.name, args, [&](std::span<const Value> params) {
    Lowering body(unit, function.body, program_index, emit);
    body.function(function, params);
  });
  return function.result && is_scalar(function.result) ? emit.resize(v, bits_of(e.type), false) : Value{};
}

void Lowering::function(const FunctionInstance& function, std::span<const Value> params) {
  function_ = &function;
  for (size_t i = 0; i < function.parameters.size(); ++i) {
    const FunctionInstance::Parameter& p = function.parameters[i];
    bool scalar_value = is_scalar(p.type);
    if (!scalar_value && !instance.variables.at(p.name).assigned) {
      variables_[p.name] = params[i];
      continue;
    }
    Value slot = variables_[p.name] = memory(p.type->size);
    if (scalar_value) store_scalar(slot, emit.resize(params[i], bits_of(p.type), false), p.type);
    else emit.copy(slot, params[i], p.type->size);
  }
  if (params.size() > function.parameters.size()) result_place_ = params.back();
  make_variables(instance.variables, instance.body);
  emit.scope([&] { block(instance.body.statements); });
}

void Lowering::return_statement(const ast::Return& node) {
  if (function_ && function_->result && node.value) {
    if (!is_scalar(function_->result)) {
      into(*node.value, function_->result, result_place_, true);
    } else {
      Value v = number(*node.value, function_->result);
      return emit.leave(emit.width(v) == 64 ? v : emit.resize(v, 64, false));
    }
  } else if (node.value && !function_ && instance.context.verdicts) {
    return emit.leave(verdict(*node.value, *instance.context.verdicts));
  } else if (node.value && instance.target.provider && instance.target.provider->runs == Runs::as_test) {
    return emit.leave(emit.resize(emit.compare(Compare::ne, number64(*node.value), emit.imm(0)), 64, false));
  } else if (node.value) {
    discard(*node.value);
  }
  emit.leave();
}

// A value that is only known when the program runs is kept within what the kernel takes, as its verifier wants to see.
Value Lowering::verdict(const ast::Expr& e, const Verdicts& verdicts) {
  Value v = number(e, types.integer(8, true));
  if (literal_of(e)) return v;
  v = emit.opaque(v);
  Value low = emit.compare(Compare::slt, v, emit.imm(static_cast<uint64_t>(verdicts.least)));
  Value high = emit.compare(Compare::sgt, v, emit.imm(static_cast<uint64_t>(verdicts.most)));
  auto usual = [&] { return emit.imm(static_cast<uint64_t>(verdicts.usual)); };
  return emit.choose(low, usual, [&] { return emit.choose(high, usual, [&] { return v; }); });
}

void Lowering::call_into(const ast::Expr& e, const ast::Call& node, Value to, bool pad) {
  if (node.function >= 0) {
    function_call(e, node, to);
    return;
  }
  RowLowering row(*this, e, node);
  row.to = to;
  row.pad = pad;
  node.builtin->lower_into(emit, row);
}

void Lowering::aggregate(const ast::Expr& target, const ast::Expr& value) {
  auto& node = std::get<ast::Call>(value.node);
  RowLowering row(*this, value, node);
  row.element = &target;
  node.builtin->lower(emit, row);
}

}  // namespace awl
