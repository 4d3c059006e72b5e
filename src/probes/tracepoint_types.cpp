#include "probes/tracepoint_types.h"

#include <algorithm>
#include <array>

#include "probes/btf_lookup.h"

namespace awl {
namespace {

// What the kernel's macros (include/trace) make of an event and of its class.
constexpr std::string_view event_typedef = "btf_trace_";
constexpr std::string_view record_prefix = "trace_event_raw_";
constexpr std::array<std::string_view, 3> class_functions{"trace_event_raw_event_", "perf_trace_", "__bpf_trace_"};
constexpr std::array<std::string_view, 2> event_functions{"__probestub_", "__traceiter_"};
// Functions of system calls: the entry that each has, by architecture (calls without parameters have types of the body alone), and the body, which
// has the parameters, where the compiler has left it.
constexpr std::array<std::string_view, 5> call_entries{"__x64_sys_", "__arm64_sys_", "__riscv_sys_", "__s390x_sys_", "__do_sys_"};
constexpr std::string_view call_body = "__do_sys_";
constexpr std::string_view call_enter = "sys_enter_", call_exit = "sys_exit_";

bool is_call(const std::string& category, const std::string& event) {
  return category == "syscalls" && (event.starts_with(call_enter) || event.starts_with(call_exit));
}
std::string call_name(const std::string& event) { return event.substr((event.starts_with(call_enter) ? call_enter : call_exit).size()); }

// The types, of the kernel or of a module, that have an event; module "" if none have.
Result<NamedBtf> types_of_event(const std::string& event, Host& host) {
  for (const std::string_view where : {"vmlinux", "*"}) {
    AWL_TRY(all, find_btf(host, where));
    for (const NamedBtf& named : all)
      if (find_function_pointer(named.types, std::string(event_typedef) + event, host)) return named;
  }
  return NamedBtf{};
}

// Whether two functions take the same, by types or by names, behind the first parameter, which is the tracepoint's private pointer.
template <typename Part>
bool same_parameters(const BtfPrototype& a, const BtfPrototype& b, Part part) {
  return a.parameters.size() == b.parameters.size() && !a.parameters.empty() &&
         std::equal(a.parameters.begin() + 1, a.parameters.end(), b.parameters.begin() + 1, [&](const BtfParameter& x, const BtfParameter& y) { return x.*part == y.*part; });
}

template <size_t count>
std::optional<BtfPrototype> first_function(const btf* types, const std::array<std::string_view, count>& prefixes, std::string_view name, Host& host) {
  for (const std::string_view prefix : prefixes)
    if (auto found = find_function(types, fmt::format("{}{}", prefix, name), host)) return found;
  return std::nullopt;
}

// How many words, separated by `_`, two names begin with alike.
size_t common_words(std::string_view a, std::string_view b) {
  const auto differ = std::ranges::mismatch(a, b);
  const std::string_view alike = a.substr(0, static_cast<size_t>(differ.in1 - a.begin()));
  const auto ends = [](auto at, auto end) { return at == end || *at == '_'; };
  const bool whole = !alike.empty() && ends(differ.in1, a.end()) && ends(differ.in2, b.end());
  return static_cast<size_t>(std::ranges::count(alike, '_')) + (whole && !alike.ends_with('_') ? 1 : 0);
}

struct EventClass {
  std::string name;
  BtfPrototype prototype;
};

// Keeps those that `fits` says yes to, if it does to any.
template <typename Fits>
void prefer(std::vector<EventClass>& classes, Fits fits) {
  if (std::ranges::any_of(classes, fits)) std::erase_if(classes, [&](const EventClass& c) { return !fits(c); });
}

// The structures that may be an event's record. One is named after the event, or after its class, and nothing says outright which class an
// event is of. It has the same parameters: an event's typedef has their types. Of several, classes are left out that are made for one event
// alone, then those that name the parameters otherwise (a function of the event has the names), then those whose name begins less like the event's.
std::vector<uint32_t> records_of(const btf* types, const std::string& event, Host& host) {
  const auto record = [&](const std::string& name) { return find_named(types, std::string(record_prefix) + name, BTF_KIND_STRUCT, host); };
  if (const uint32_t exact = record(event)) return {exact};
  const auto wanted = find_function_pointer(types, std::string(event_typedef) + event, host);
  if (!wanted) return {};
  std::vector<EventClass> classes;
  for (const std::string_view name : names_of_kind(types, BTF_KIND_STRUCT, record_prefix, "*", host)) {
    auto prototype = first_function(types, class_functions, name, host);
    if (prototype && same_parameters(*prototype, *wanted, &BtfParameter::type)) classes.push_back({std::string(name), std::move(*prototype)});
  }
  prefer(classes, [&](const EventClass& c) { return find_named(types, std::string(event_typedef) + c.name, BTF_KIND_TYPEDEF, host) == 0; });
  if (const auto named = first_function(types, event_functions, event, host))
    prefer(classes, [&](const EventClass& c) { return same_parameters(c.prototype, *named, &BtfParameter::name); });
  size_t most = 0;
  for (const EventClass& c : classes) most = std::max(most, common_words(c.name, event));
  prefer(classes, [&](const EventClass& c) { return common_words(c.name, event) == most; });
  std::vector<uint32_t> found;
  for (const EventClass& c : classes) found.push_back(record(c.name));
  return found;
}

const btf_member* find_member(const btf* types, const btf_type* structure, const btf_member& wanted, uint32_t bits) {
  const btf_member* members = btf_members(structure);
  for (unsigned i = 0; i < btf_vlen(structure); ++i)
    if (members[i].type == wanted.type && btf_member_bit_offset(structure, i) == bits &&
        std::string_view(btf__name_by_offset(types, members[i].name_off)) == btf__name_by_offset(types, wanted.name_off))
      return &members[i];
  return nullptr;
}

// The fields of the first of `records` that all of them have.
Context record_context(const NamedBtf& named, const std::vector<uint32_t>& records) {
  constexpr std::string_view behind = "__data_loc_", relative = "__rel_loc_";
  const btf_type* first = btf__type_by_id(named.types, records.front());
  const btf_member* members = btf_members(first);
  Context made{.has_args = true};
  for (unsigned i = 0; i < btf_vlen(first); ++i) {
    std::string_view name = btf__name_by_offset(named.types, members[i].name_off);
    const uint32_t bits = btf_member_bit_offset(first, i);
    // Beside its fields a record has the header and the empty array `__data`.
    if (name.empty() || name == "ent" || name == "__data" || btf_member_bitfield_size(first, i) != 0 || bits % 8 != 0) continue;
    BytesAccess access{.offset = bits / 8, .size = type_size(named.types, members[i].type)};
    if (named.module == "vmlinux") {
      access.core_type = btf__name_by_offset(named.types, first->name_off);
      access.core_member = name;
    }
    const bool everywhere = std::ranges::all_of(
        records, [&](uint32_t id) { return find_member(named.types, btf__type_by_id(named.types, id), members[i], bits) != nullptr; });
    const bool data = name.starts_with(behind);
    if (data) name.remove_prefix(behind.size());
    if (name.starts_with(relative))
      made.unreadable.emplace_back(name.substr(relative.size()), "lies at a distance from its own place, which programs are not given");
    else if (!everywhere)
      made.unreadable.emplace_back(name, "may be a field of the event or not: the kernel's types do not tell, and tracefs cannot be read");
    else if (data)  // what the bytes are stands in tracefs alone: nearly all are text
      made.args.push_back({std::string(name), CSpelling{"char[]", 0, true}, DataLocAccess{access}});
    else
      made.args.push_back({std::string(name), BtfTypeId{members[i].type, btf_module(named.module)}, access});
  }
  return made;
}

// Programs on tracepoints of system calls see struct syscall_trace_enter and struct syscall_trace_exit.
Result<Context> call_context(const std::string& event, Host& host) {
  AWL_TRY(types, host.kernel_btf());
  const bool enter = event.starts_with(call_enter);
  Context made{.has_args = true, .user_pointers = true};
  const auto add = [&](const char* structure, const char* member, int index, std::string name, ContextType type) {
    made.args.push_back({std::move(name), std::move(type), BytesAccess{.core_type = structure, .core_member = member, .core_index = index}});
    return &std::get<BytesAccess>(made.args.back().access);
  };
  constexpr uint32_t number = 8, first = 16, slots = 6;  // their offsets on 64-bit machines; they are relocated
  const char* structure = enter ? "syscall_trace_enter" : "syscall_trace_exit";
  BytesAccess* access = add(structure, "nr", -1, "__syscall_nr", CSpelling{"int", 4, true});
  access->offset = number, access->size = 4;
  if (!enter) {
    access = add(structure, "ret", -1, "ret", CSpelling{"long", 8, true});
    access->offset = first, access->size = 8;
    return made;
  }
  const auto body = find_function(types, std::string(call_body) + call_name(event), host);
  for (uint32_t i = 0; body && i < body->parameters.size() && i < slots; ++i) {
    const uint32_t size = type_size(types, body->parameters[i].type);
    if (size == 0 || size > 8) continue;
    access = add(structure, "args", static_cast<int>(i), body->parameters[i].name, BtfTypeId{body->parameters[i].type, ""});
    access->offset = first + 8 * i, access->size = size;
  }
  if (!body) made.unreadable.emplace_back("", "this kernel's types do not tell the arguments of this system call, and tracefs cannot be read; as numbers they are in args.args of tracepoint:raw_syscalls:sys_enter");
  return made;
}

}  // namespace

Result<bool> types_have_event(const std::string& category, const std::string& event, Host& host) {
  if (is_call(category, event)) {
    AWL_TRY(types, host.kernel_btf());
    return first_function(types, call_entries, call_name(event), host).has_value();
  }
  AWL_TRY(named, types_of_event(event, host));
  return named.types != nullptr;
}

Result<Context> context_from_types(const std::string& category, const std::string& event, Host& host) {
  if (is_call(category, event)) return call_context(event, host);
  AWL_TRY(named, types_of_event(event, host));
  const std::vector<uint32_t> records = named.types ? records_of(named.types, event, host) : std::vector<uint32_t>{};
  if (!records.empty())
    if (Context made = record_context(named, records); !made.args.empty() || records.size() == 1) return made;
  return fail(ENOENT, "the kernel's types do not tell which record the event {}:{} has", category, event);
}

}  // namespace awl
