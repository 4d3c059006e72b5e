// Printing, and what else the run side does when it handles an event.
#include <algorithm>

#include "base/diag/builtins.h"
#include "builtins/rows.h"

namespace awl {

using artifact::Action;

namespace {

bool takes_number(Type t) {
  return is_integer(t) || is_boolean(t) || is_pointer(t) || t->kind == Kind::enumeration;
}

void check_conversion(CallCheck& c, const Conversion& conversion, size_t argument) {
  Type t = c.type(argument);
  if (!t) return;
  if (t->kind == Kind::stats || t->kind == Kind::hist || t->kind == Kind::lhist || t->kind == Kind::tseries) {
    c.diagnostics().report<Diag::format_type>(c.arg(argument).span, TypeTable::text(t), std::string(1, conversion.letter)).hint("print() shows it");
    return;
  }
  if (conversion.letter == 's') return;
  bool fits = takes_number(t);
  if (conversion.letter == 'r' && conversion.variant != "g") fits = t->kind == Kind::buffer;
  if (fits) return;
  std::string name(1, conversion.letter);
  if (conversion.variant == "g") name = "gr";
  else name += conversion.variant;
  c.diagnostics().report<Diag::format_type>(c.arg(argument).span, TypeTable::text(t), name);
}

// The format is the first argument, its values follow.
void check_format(CallCheck& c) {
  auto text = c.string(0);
  if (!text) return;
  ParsedFormat format = parse_conversions(*text);
  if (!format.error.empty()) {
    c.diagnostics().report<Diag::format>(c.arg(0).span, format.error);
    return;
  }
  size_t supplied = c.count() - 1, expected = format.conversions.size();
  if (supplied < expected) c.diagnostics().report<Diag::format_few>(c.expr().span, supplied, expected);
  else if (supplied > expected) c.diagnostics().report<Diag::format_many>(c.expr().span, supplied, expected);
  else
    for (size_t i = 0; i < expected; ++i) check_conversion(c, format.conversions[i], i + 1);
}

void plan_format(CallCheck& c, PlanCall& plan) {
  plan.site().text = c.string(0).value_or("");
  plan.lay_out(1);
}

Value send(Emit&, CallLower& c) {
  c.send_event();
  return {};
}

const ast::MapRef* map_argument(const ast::Expr& e) { return std::get_if<ast::MapRef>(&e.node); }

bool is_whole_map(const ast::Expr& e) {
  auto* map = map_argument(e);
  return map && !map->keyed;
}

bool needs_merging(Type t) { return is_aggregation(t); }

void check_print(CallCheck& c) {
  if (!is_whole_map(c.arg(0))) {
    if (c.count() > 1) c.diagnostics().report<Diag::print_value_arguments>(c.expr().span, c.count());
    Type t = c.type(0);
    if (map_argument(c.arg(0)) && t && (t->kind == Kind::hist || t->kind == Kind::lhist || t->kind == Kind::tseries))
      c.diagnostics().report<Diag::print_element>(c.arg(0).span, TypeTable::text(t));
    return;
  }
  if (c.count() > 1 && c.type(0) && c.type(0)->kind == Kind::stats) c.diagnostics().report<Diag::print_ignored>(c.expr().span);
}

void plan_print(CallCheck& c, PlanCall& plan) {
  artifact::Site& site = plan.site();
  if (is_whole_map(c.arg(0))) {
    site.action = Action::print_map;
    site.map = plan.map_index(0);
    if (c.count() > 1) site.top = std::max<int64_t>(c.integer(1).value_or(0), 0);
    if (c.count() > 2) site.div = c.integer(2).value_or(0);
    return;
  }
  if (map_argument(c.arg(0)) && needs_merging(c.type(0))) {
    site.action = Action::print_element;
    site.map = plan.map_index(0);
    plan.lay_out_key(0);
    // Behind the key: whether the program has merged the CPUs' values, and what they came to.
    plan.param({.kind = artifact::ParamKind::ncpus});
    plan.param({.kind = artifact::ParamKind::feature, .name = "percpu_lookup", .index = 1});
    site.payload = (site.payload + 7) / 8 * 8;
    for (int word = 0; word < 3; ++word, site.payload += 8) site.args.push_back({.name = "", .offset = site.payload, .type = {{.kind = Kind::integer, .size = 8}}});
    return;
  }
  site.action = Action::print_value;
  plan.lay_out(0);
}

// argv is read one pointer at a time, at most `join_arguments` strings of `join_length` bytes each; the payload is u64 count, then the strings.
constexpr uint32_t join_arguments = 16, join_length = 64;

void plan_join(CallCheck& c, PlanCall& plan) {
  artifact::Site& site = plan.site();
  site.text = c.count() > 1 ? c.string(1).value_or(" ") : " ";
  artifact::Type count{.kind = Kind::integer, .size = 8};
  site.args.push_back({.name = "", .offset = 0, .type = {count}});
  for (uint32_t i = 0; i < join_arguments; ++i)
    site.args.push_back({.name = "", .offset = 8 + i * join_length, .type = {{.kind = Kind::string, .size = join_length}}});
  site.payload = 8 + join_arguments * join_length;
}

Value lower_join(Emit& e, CallLower& c) {
  AddressSpace space = space_of(c, c.type(0));
  bool user = space == AddressSpace::user;
  Value list = c.value64(0);
  c.send_event([&](Value payload) {
    Value count = e.slot(8), pointer = e.slot(8);
    e.store(count, e.imm(0));
    for (uint32_t i = 0; i < join_arguments; ++i) {
      c.probe_read(pointer, 8, e.binary(Op::add, list, e.imm(uint64_t{i} * 8)), space);
      Value text = e.load(pointer, 64);
      e.branch(e.compare(Compare::eq, e.load(count, 64), e.imm(i)), [&] {
        e.branch(e.compare(Compare::ne, text, e.imm(0)), [&] {
          e.helper(user ? BPF_FUNC_probe_read_user_str : BPF_FUNC_probe_read_kernel_str,
                   {e.offset(payload, uint64_t{8} + uint64_t{i} * join_length), e.imm(join_length, 32), text});
          e.store(count, e.imm(uint64_t{i} + 1));
        });
      });
    }
    e.store(payload, e.load(count, 64));
  });
  return {};
}

Value lower_exit(Emit& e, CallLower& c) {
  c.send_event();
  e.leave();
  return {};
}

void check_exit(CallCheck& c) {
  if (c.count() && c.type(0) && !is_integer(c.type(0))) c.diagnostics().report<Diag::exit_argument>(c.arg(0).span, TypeTable::text(c.type(0)));
}

constexpr BuiltinFlag event = BuiltinFlag::async | BuiltinFlag::no_value;

const Builtin rows[] = {
    {.name = "print",
     .signature = "print(map|any value, literal int top = 0, literal int div = 1)",
     .doc = "Prints a value, or a map with its largest `top` elements, values divided by `div`.",
     .example = "begin { @a[1] = 2; print(@a); print((1, \"x\")) }",
     .prints = "@a[1]: 2\n(1, x)\n@a[1]: 2",
     .flags = event,
     .action = Action::print_value,
     .check = check_print,
     .plan = plan_print,
     .lower = send},
    {.name = "printf",
     .signature = "printf(literal string format, any values...)",
     .doc = "Prints values as the format says, like printf(3); %s takes values of all types, %r bytes.",
     .example = "begin { printf(\"%d = %#x\\n\", 5, 5) }",
     .prints = "5 = 0x5",
     .flags = event,
     .action = Action::printf,
     .check = check_format,
     .plan = plan_format,
     .lower = send},
    {.name = "errorf",
     .signature = "errorf(literal string format, any values...)",
     .doc = "Prints a message of the script on standard error, with its place, as an error.",
     .example = "begin { errorf(\"bad %d\", 5) }",
     .flags = event,
     .action = Action::errorf,
     .check = check_format,
     .plan = plan_format,
     .lower = send},
    {.name = "warnf",
     .signature = "warnf(literal string format, any values...)",
     .doc = "Prints a message of the script on standard error, with its place, as a warning.",
     .example = "begin { warnf(\"odd %d\", 5) }",
     .flags = event,
     .action = Action::warnf,
     .check = check_format,
     .plan = plan_format,
     .lower = send},
    {.name = "cat",
     .signature = "cat(literal string format, any values...)",
     .doc = "Prints a file, at most max_cat_bytes of it; the name is made as by printf.",
     .example = "begin { cat(\"/proc/sys/kernel/ostype\") }",
     .prints = "Linux",
     .flags = event,
     .action = Action::cat,
     .check = check_format,
     .plan = plan_format,
     .lower = send},
    {.name = "system",
     .signature = "system(literal string format, any values...)",
     .doc = "Runs a command with the shell and prints its output; the command is made as by printf.",
     .example = "begin { system(\"echo %d\", pid) }",
     .flags = event | BuiltinFlag::unsafe,
     .action = Action::system,
     .check = check_format,
     .plan = plan_format,
     .lower = send},
    {.name = "join",
     .signature = "join(pointer|int argv, literal string separator = \" \")",
     .doc = "Prints an array of strings that a null pointer ends (16 at most), joined by a separator.",
     .example = "tracepoint:syscalls:sys_enter_execve { join(args.argv) }",
     .flags = event,
     .action = Action::join,
     .plan = plan_join,
     .lower = lower_join},
    {.name = "exit",
     .signature = "exit(any status = 0)",
     .doc = "Ends the tracing; awl's exit status is the low byte of `status`.",
     .example = "begin { exit() }",
     .flags = event | BuiltinFlag::ends_program,
     .action = Action::exit,
     .check = check_exit,
     .lower = lower_exit},
};

}  // namespace

std::span<const Builtin> output_rows() { return rows; }

}  // namespace awl
