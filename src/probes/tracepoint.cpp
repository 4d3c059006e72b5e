#include <algorithm>
#include <cerrno>

#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/btf_lookup.h"
#include "probes/parts.h"
#include "probes/registry.h"
#include "probes/tracefs_format.h"
#include "probes/tracepoint_types.h"

namespace awl {
namespace {

constexpr std::string_view aliases[] = {"t"};

std::optional<Target> parse(std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(tracepoint_provider, parts, 2, 2, span, diagnostics)) return std::nullopt;
  for (const std::string& part : parts) {
    if (!part.empty() && part.find('/') == std::string::npos && part != "." && part != "..") continue;
    diagnostics.report<Diag::probe_empty_part>(span, "tracepoint", "subsystem or event")
        .hint("list tracepoints with `awl -l 'tracepoint:*'`");
    return std::nullopt;
  }
  return Target{&tracepoint_provider, {parts.begin(), parts.end()}};
}

// Directories under events/ that hold no tracepoints, and files among the events.
bool is_category(const std::string& name) {
  return name != "enable" && name != "header_event" && name != "header_page" && name != "ftrace";
}
bool is_event(const std::string& name) { return name != "enable" && name != "filter"; }

// Without tracefs the kernel's types tell of an event that is named in full.
Result<std::vector<Target>> match_by_types(const Target& target, Host& host, Error tracefs) {
  if (is_glob(target.text())) return std::unexpected(std::move(tracefs).context(fmt::format("cannot find what {} matches", target.text())));
  const auto known = types_have_event(target.parts[0], target.parts[1], host);
  if (!known) return std::unexpected(std::move(tracefs));
  return *known ? std::vector<Target>{target} : std::vector<Target>{};
}

Result<std::vector<Target>> match(const Target& target, Host& host) {
  auto root = host.tracefs();
  if (!root) return match_by_types(target, host, std::move(root).error());
  const std::string events = *root + "/events";
  const std::string& category_pattern = target.parts[0];
  const std::string& event_pattern = target.parts[1];
  std::vector<std::string> categories{category_pattern};
  if (is_glob(category_pattern)) {
    AWL_TRY(all, host.list_directory(events));
    categories = std::move(all);
  }
  std::vector<Target> matches;
  for (const std::string& category : categories) {
    if (!is_category(category) || !glob_match(category_pattern, category)) continue;
    if (!is_glob(event_pattern)) {
      if (host.list_directory(events + "/" + category + "/" + event_pattern))
        matches.push_back({&tracepoint_provider, {category, event_pattern}});
      continue;
    }
    auto names = host.list_directory(events + "/" + category);
    if (!names) {
      if (names.error().code == ENOENT || names.error().code == ENOTDIR) continue;
      return std::unexpected(std::move(names).error().context("cannot look for tracepoints"));
    }
    for (const std::string& name : *names)
      if (is_event(name) && glob_match(event_pattern, name)) matches.push_back({&tracepoint_provider, {category, name}});
  }
  return matches;
}

// A pattern may leave out the subsystem.
Result<> list(const Target& pattern, Host& host, const TargetSink& sink) {
  Target full = pattern;
  if (full.parts.size() == 1) full.parts.insert(full.parts.begin(), "*");
  return list_by_parts(full, 2, 2, match, host, sink);
}

// The BTF member that holds a field, if `type` is the record of an event: same name at the same place.
const btf_member* record_member(const btf* types, const btf_type* type, const FormatField& field) {
  const std::string wanted = field.is_data_loc ? "__data_loc_" + field.name : field.name;
  const btf_member* members = btf_members(type);
  for (unsigned i = 0; i < btf_vlen(type); ++i) {
    if (btf_member_bit_offset(type, i) != field.offset * 8 || btf_member_bitfield_size(type, i) != 0) continue;
    const char* name = btf__name_by_offset(types, members[i].name_off);
    if (name && wanted == name) return &members[i];
  }
  return nullptr;
}

bool is_record_of(const btf* types, const btf_type* type, const std::vector<FormatField>& fields) {
  if (!btf_is_struct(type)) return false;
  size_t count = 0;
  for (const FormatField& field : fields) {
    if (field.is_common) continue;
    if (!record_member(types, type, field)) return false;
    ++count;
  }
  // Beside its fields a record has the header (`ent`) and the empty array `__data`.
  return btf_vlen(type) <= count + 2;
}

size_t common_prefix(std::string_view a, std::string_view b) { return static_cast<size_t>(std::ranges::mismatch(a, b).in1 - a.begin()); }

// The kernel structure that an event's record is. Events of a class share the class's structure, whose name nothing but its
// members tells: of several with these members, the one whose name begins most like the event's.
constexpr std::string_view prefix = "trace_event_raw_";

const std::vector<uint32_t>& all_records(const btf* types, Host& host) {
  if (host.tracepoint_records) return *host.tracepoint_records;
  std::vector<uint32_t>& found = host.tracepoint_records.emplace();
  for (uint32_t id = 1; id < btf__type_cnt(types); ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    const char* text = btf_is_struct(type) ? btf__name_by_offset(types, type->name_off) : nullptr;
    if (text && std::string_view(text).starts_with(prefix)) found.push_back(id);
  }
  return found;
}

uint32_t find_record(const btf* types, const std::string& event, const std::vector<FormatField>& fields, Host& host) {
  const uint32_t exact = find_named(types, std::string(prefix) + event, BTF_KIND_STRUCT, host);
  if (exact != 0 && is_record_of(types, btf__type_by_id(types, exact), fields)) return exact;
  uint32_t best = 0;
  size_t best_length = 0;
  for (const uint32_t id : all_records(types, host)) {
    const btf_type* type = btf__type_by_id(types, id);
    const std::string_view name = btf__name_by_offset(types, type->name_off);
    if (!is_record_of(types, type, fields)) continue;
    const size_t length = common_prefix(name.substr(prefix.size()), event) + 1;
    if (length > best_length) {
      best = id;
      best_length = length;
    }
  }
  return best;
}

// Of a system call's tracepoints BPF programs see not the recorded event but this kernel structure.
Context syscall_context(const std::vector<FormatField>& fields, bool enter) {
  Context context{.has_args = true, .user_pointers = true};
  constexpr uint32_t first = 16, slots = 6;  // arguments, or the result, follow the event's header and the call's number
  for (const FormatField& field : fields) {
    if (field.is_common || field.is_data_loc) continue;
    BytesAccess access{.offset = field.offset, .size = field.size, .core_type = enter ? "syscall_trace_enter" : "syscall_trace_exit"};
    if (field.offset < first)
      access.core_member = "nr";
    else if (enter && field.size == 8 && field.offset < first + 8 * slots)
      access.core_member = "args", access.core_index = static_cast<int>((field.offset - first) / 8);
    else if (!enter && field.offset == first)
      access.core_member = "ret";
    else
      continue;
    context.args.push_back({field.name, CSpelling{field.type, field.size, field.is_signed}, access});
  }
  return context;
}

Result<Context> context(const Target& target, Host& host) {
  const auto root = host.tracefs();
  auto text = root ? host.read_file(fmt::format("{}/events/{}/{}/format", *root, target.parts[0], target.parts[1]), 1 << 20)
                   : Result<std::string>(std::unexpected(root.error()));
  if (!text && (!root || text.error().code == EACCES)) {
    auto known = context_from_types(target.parts[0], target.parts[1], host);
    if (known) return known;
    return fail_text(0, fmt::format("cannot find the fields of {}: {}; {}", target.text(), text.error().text(), known.error().message), text.error().hint);
  }
  if (!text) return std::unexpected(std::move(text).error().context(fmt::format("cannot read the fields of {}", target.text())));
  const std::vector<FormatField> fields = parse_tracefs_format(*text);
  if (target.parts[0] == "syscalls") {
    Context made = syscall_context(fields, target.parts[1].starts_with("sys_enter_"));
    if (!host.has_kernel_btf())
      for (ContextField& field : made.args) std::get<BytesAccess>(field.access).core_type.clear();
    return made;
  }
  auto loaded = host.kernel_btf();
  const btf* types = loaded ? *loaded : nullptr;
  const uint32_t record = types ? find_record(types, target.parts[1], fields, host) : 0;
  const btf_type* type = record ? btf__type_by_id(types, record) : nullptr;
  Context made{.has_args = true};
  for (const FormatField& field : fields) {
    if (field.is_common) continue;
    BytesAccess access{.offset = field.offset, .size = field.size};
    ContextType field_type = CSpelling{field.type, field.is_data_loc ? 0 : field.size, field.is_signed};
    if (const btf_member* member = type ? record_member(types, type, field) : nullptr) {
      access.core_type = btf__name_by_offset(types, type->name_off);
      access.core_member = btf__name_by_offset(types, member->name_off);
      if (!field.is_data_loc) field_type = BtfTypeId{member->type, ""};
    }
    if (field.is_data_loc)
      made.args.push_back({field.name, field_type, DataLocAccess{access}});
    else
      made.args.push_back({field.name, field_type, access});
  }
  return made;
}

Result<std::vector<Link>> attach(const Provider::AttachRequest& request, Host& host) {
  std::vector<Link> links;
  for (size_t i = 0; i < request.matches.size(); ++i) {
    const Target& target = request.matches[i];
    AWL_TRY(link,
            host.attach_tracepoint(request.program, target.parts[0], target.parts[1], request.cookies ? request.first_cookie + i : 0));
    links.push_back(std::move(link));
    if (request.progress && !request.progress(links.size())) return fail(EINTR, "attaching was interrupted");
  }
  return links;
}

}  // namespace

const Provider tracepoint_provider{
    .name = "tracepoint",
    .aliases = aliases,
    .syntax = "tracepoint:SUBSYSTEM:EVENT",
    .doc = "A static tracepoint of the kernel. `args` has the fields of the event's format.",
    .example = "tracepoint:sched:sched_process_exec { printf(\"%s\\n\", comm); }",
    .expand = Expand::one_program,
    .parse = parse,
    .match = match,
    .context = context,
    .context_is_args = true,
    .section = [](const Target& target) -> std::string {
      return is_glob(target.text()) ? "tracepoint" : fmt::format("tracepoint/{}/{}", target.parts[0], target.parts[1]);
    },
    .attach = attach,
    .list = list,
    .usable = [](Host& host) { return host.tracefs().has_value(); },  // the kernel tells there alone what to attach to
    .pid_by_predicate = true,
};

}  // namespace awl
