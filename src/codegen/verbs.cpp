// An Emit that writes a line for each verb.
#include <fmt/format.h>
#include <linux/bpf.h>

#include <map>
#include <set>

#include "codegen/codegen.h"
#include "codegen/lower.h"
#include "codegen/verbs.h"

namespace awl {
namespace {

constexpr std::string_view op_names[] = {"add", "sub", "mul", "udiv", "sdiv", "umod", "smod", "and", "or", "xor", "shl", "lshr", "ashr"};
constexpr std::string_view compare_names[] = {"eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge"};
constexpr std::string_view effect_names[] = {"pure", "reads", "full"};

#define AWL_HELPER_NAME(name) #name
constexpr std::string_view helper_names[] = {__BPF_FUNC_MAPPER(AWL_HELPER_NAME)};
#undef AWL_HELPER_NAME

std::string quoted(std::string_view data) {
  std::string text = "\"";
  for (char c : data) {
    bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
    text += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return text + '"';
}

class Recorder : public Emit {
 public:
  explicit Recorder(std::string& text) : text_(&text) {}

  Value imm(uint64_t value, unsigned bits) override { return named(bits == 64 ? fmt::format("{}", static_cast<int64_t>(value)) : fmt::format("{}:{}", value, bits), bits); }
  Value bytes(std::string_view data) override { return named(quoted(data), 64); }
  Value zeros(uint32_t size) override { return named(fmt::format("zeros({})", size), 64); }
  Value null() override { return named("null", 64); }
  Value param(uint32_t index) override { return made(fmt::format("param {}", index), 64); }
  Value param_address(uint32_t index) override { return made(fmt::format("param_address {}", index), 64); }

  Value binary(Op op, Value a, Value b) override { return made(fmt::format("{} {}, {}", op_names[size_t(op)], name(a), name(b)), width(a)); }
  Value compare(Compare op, Value a, Value b) override { return made(fmt::format("{} {}, {}", compare_names[size_t(op)], name(a), name(b)), 1); }
  Value select(Value c, Value yes, Value no) override { return made(fmt::format("select {}, {}, {}", name(c), name(yes), name(no)), width(yes)); }
  Value resize(Value v, unsigned bits, bool is_signed) override { return made(fmt::format("{}{} {}", is_signed ? "i" : "u", bits, name(v)), bits); }
  Value to_address(Value v) override { return v; }
  unsigned width(Value v) override { return values_.at(v.id - 1).bits; }

  Value slot(uint32_t size, uint32_t) override { return made(fmt::format("slot {}", size), 64); }
  Value scratch(uint32_t size) override { return made(fmt::format("scratch {}", size), 64); }
  Value load(Value address, unsigned bits, uint32_t at) override { return made(fmt::format("load{} {}", bits, place(address, at)), bits); }
  void store(Value address, Value v, uint32_t at) override { line(fmt::format("store{} {}, {}", width(v), place(address, at), name(v))); }
  Value load_address(Value address, uint32_t at) override { return made(fmt::format("load_address {}", place(address, at)), 64); }
  void copy(Value to, Value from, uint32_t size) override { line(fmt::format("copy {}, {}, {}", name(to), name(from), size)); }
  void zero(Value to, uint32_t size) override { line(fmt::format("zero {}, {}", name(to), size)); }
  Value offset(Value address, Value distance) override {
    if (name(distance) == "0") return address;
    return named(fmt::format("{}+{}", name(address), name(distance)), 64);
  }
  Value opaque(Value v, bool) override { return v; }

  Value field_offset(Type structure, const Member& member) override { return named(fmt::format("offset({}.{})", structure->name, member.name), 64); }
  Value field_exists(Type structure, std::string_view member) override { return named(fmt::format("exists({}.{})", structure->name, member), 64); }
  Value field_fact(Type structure, const Member& member, FieldFact fact) override {
    constexpr std::string_view facts[] = {"size", "left_shift", "right_shift"};
    return named(fmt::format("{}({}.{})", facts[size_t(fact)], structure->name, member.name), 64);
  }
  Value has_typed_pointers() override { return named("typed_pointers", 1); }
  Value typed_pointer(Value address, Type structure) override { return named(fmt::format("({} *){}", structure->name, name(address)), 64); }
  Value type_size(Type structure) override { return named(fmt::format("sizeof({})", structure->name), 64); }

  Value context() override { return named("ctx", 64); }
  Value context_load(unsigned bits, uint32_t at) override { return made(fmt::format("load{} ctx+{}", bits, at), bits); }
  Value context_load(unsigned bits, const BytesAccess& at) override {
    std::string index = at.core_index < 0 ? "" : fmt::format("[{}]", at.core_index);
    return made(fmt::format("load{} ctx.{}.{}{}", bits, at.core_type, at.core_member, index), bits);
  }
  void context_store(uint32_t at, Value v) override { line(fmt::format("store{} ctx+{}, {}", width(v), at, name(v))); }
  Value cookie(uint32_t feature) override { return made(fmt::format("cookie {}", feature), 64); }

  Value helper(uint32_t id, std::initializer_list<Value> args, Effect effect) override { return made(called(id, args, effect), 64); }
  Value helper_address(uint32_t id, std::initializer_list<Value> args, Effect effect) override { return made(called(id, args, effect), 64); }

  Value kernel_function(const KernelFunction& function, std::initializer_list<Value> args) override {
    std::string text;
    for (Value v : args) text += (text.empty() ? "" : ", ") + name(v);
    text = fmt::format("{}({})", function.name, text);
    if (function.result != "void") return made(text, 64);
    line(text);
    return {};
  }

  Value map(int32_t index) override { return named(fmt::format("map{}", index), 64); }
  Value named_map(std::string_view map) override { return named(std::string(map), 64); }
  Value global(uint64_t at) override { return named(fmt::format("global+{}", at), 64); }
  void atomic_add(Value address, Value v) override { line(fmt::format("atomic_add {}, {}", name(address), name(v))); }

  void branch(Value condition, const Code& yes, const Code& no, bool likely) override {
    line(fmt::format("if {}{} {{", name(condition), likely ? "" : " (unlikely)"));
    inside(yes);
    if (no) {
      line("} else {");
      inside(no);
    }
    line("}");
  }
  Value choose(Value condition, const Yield& yes, const Yield& no) override {
    uint32_t result = ++results_;
    unsigned bits = 0;
    auto branch_value = [&](const Yield& yield) {
      inside([&] {
        Value v = yield();
        bits = width(v);
        line(fmt::format("%{} = {}", result, name(v)));
      });
    };
    line(fmt::format("if {} {{", name(condition)));
    branch_value(yes);
    line("} else {");
    branch_value(no);
    line("}");
    return named(fmt::format("%{}", result), bits);
  }
  void scope(const Code& code) override { code(); }
  void loop(Value from, Value to, uint64_t limit, const std::function<void(Value)>& body) override {
    Value i = named(fmt::format("%{}", ++results_), 64);
    line(fmt::format("for {} = {} .. {} (at most {}) {{", name(i), name(from), name(to), limit));
    inside([&] { body(i); });
    line("}");
  }
  void repeat(const Endless& how, const Yield& next, const Code& body, const Code& cut) override {
    line(fmt::format("repeat (iterators: param {}, else at most {}) {{", how.iterators, how.least_turns));
    turns(next, body, cut);
  }
  void repeat_by_callback(const Yield& next, const Code& body, const Code& cut) override {
    line("repeat by callback {");
    turns(next, body, cut);
  }
  void turns(const Yield& next, const Code& body, const Code& cut) {
    inside([&] {
      line(fmt::format("while {}", name(next())));
      body();
    });
    line("} cut {");
    inside(cut);
    line("}");
  }
  void each(Value map, const std::function<void(Value, Value)>& body) override {
    Value key = named(fmt::format("%{}", ++results_), 64), value = named(fmt::format("%{}", ++results_), 64);
    line(fmt::format("each {}, {} of {} {{", name(key), name(value), name(map)));
    inside([&] { body(key, value); });
    line("}");
  }
  Value subprogram(std::string_view function, std::span<const Value> args, const std::function<void(std::span<const Value>)>& body) override {
    if (functions_.insert(std::string(function)).second) {
      std::vector<Value> params;
      std::string text;
      for (size_t i = 0; i < args.size(); ++i) {
        params.push_back(named(fmt::format("%{}", ++results_), 64));
        text += (text.empty() ? "" : ", ") + name(params.back());
      }
      line(fmt::format("function {}({}) {{", function, text));
      inside([&] { body(params); });
      line("}");
    }
    std::string text;
    for (Value v : args) text += (text.empty() ? "" : ", ") + name(v);
    return made(fmt::format("call {}({})", function, text), 64);
  }
  Value external(std::string_view function, std::span<const Value> args, std::span<const Type>, Type result) override {
    std::string text;
    for (Value v : args) text += (text.empty() ? "" : ", ") + name(v);
    return made(fmt::format("call external {}({})", function, text), result->size ? result->size * 8 : 64);
  }
  void part(const Code& code) override {
    line("part {");
    inside(code);
    line("}");
  }
  void leave_loop() override { line("break"); }
  void next_turn() override { line("continue"); }
  void leave(Value result) override { line(result ? fmt::format("leave {}", name(result)) : "leave"); }
  void at(Span) override {}

 private:
  struct Recorded {
    std::string name;
    unsigned bits;
  };

  const std::string& name(Value v) { return values_.at(v.id - 1).name; }
  std::string place(Value address, uint32_t at) { return at ? fmt::format("{}+{}", name(address), at) : name(address); }
  Value named(std::string text, unsigned bits) {
    values_.push_back({std::move(text), bits});
    return {static_cast<uint32_t>(values_.size())};
  }
  Value made(const std::string& text, unsigned bits) {
    std::string result = fmt::format("%{}", ++results_);
    line(fmt::format("{} = {}", result, text));
    return named(result, bits);
  }
  std::string called(uint32_t id, std::initializer_list<Value> args, Effect effect) {
    std::string text = fmt::format("{}(", id < std::size(helper_names) ? std::string(helper_names[id]) : fmt::format("helper{}", id));
    for (Value v : args) text += (text.back() == '(' ? "" : ", ") + name(v);
    return effect == Effect::full ? text + ")" : fmt::format("{}) {}", text, effect_names[size_t(effect)]);
  }
  void line(std::string_view text) { *text_ += std::string(depth_ * 2, ' ') + std::string(text) + "\n"; }
  void inside(const Code& code) {
    ++depth_;
    code();
    --depth_;
  }

  std::string* text_;
  std::set<std::string> functions_;
  std::vector<Recorded> values_;
  uint32_t results_ = 0;
  size_t depth_ = 1;
};

}  // namespace

std::unique_ptr<Emit> make_recorder(std::string& text) { return std::make_unique<Recorder>(text); }

std::string print_verbs(const Unit& unit) {
  std::string text;
  for (size_t i = 0; i < unit.probes.size(); ++i) {
    text += fmt::format("program {} ({})\n", unit.probes[i].elf_name, unit.probes[i].probe_text);
    lower_program(unit, unit.probes[i], i, *make_recorder(text));
  }
  return text;
}

}  // namespace awl
