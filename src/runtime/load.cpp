#include "runtime/load.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdarg>
#include <cstring>
#include <set>

#include "probes/features.h"
#include "runtime/config.h"
#include "runtime/params.h"
#include "runtime/pins.h"
#include "runtime/select.h"
#include "runtime/unwind_tables.h"

namespace awl {
namespace {

using artifact::Meta;

constexpr uint64_t default_ring_bytes = 4u << 20;

// What libbpf says goes to this place while an object is opened and loaded; its callback has no context argument.
struct LibbpfLog {
  std::string text;
  bool show = false;
  std::FILE* file = nullptr;
};
thread_local LibbpfLog* libbpf_log = nullptr;

int keep_libbpf_message(libbpf_print_level level, const char* format, va_list arguments) {
  if (!libbpf_log || (level == LIBBPF_DEBUG && !libbpf_log->show)) return 0;
  char line[2048];
  int size = vsnprintf(line, sizeof line, format, arguments);
  if (libbpf_log->show) fputs(line, libbpf_log->file);
  if (level == LIBBPF_WARN && size > 0 && libbpf_log->text.size() < 65536) libbpf_log->text += line;
  return 0;
}

struct LibbpfLogScope {
  explicit LibbpfLogScope(LibbpfLog& log) {
    libbpf_log = &log;
    libbpf_set_print(keep_libbpf_message);
  }
  ~LibbpfLogScope() { libbpf_log = nullptr; }
};

// The extent of a variable in a data section of the object, from its BTF.
struct Extent {
  uint32_t offset = 0, size = 0;
};
std::optional<Extent> find_variable(const bpf_object* object, std::string_view section, std::string_view name) {
  const btf* types = bpf_object__btf(object);
  if (!types) return std::nullopt;
  int id = btf__find_by_name_kind(types, std::string(section).c_str(), BTF_KIND_DATASEC);
  if (id < 0) return std::nullopt;
  const btf_type* list = btf__type_by_id(types, static_cast<uint32_t>(id));
  const btf_var_secinfo* entries = btf_var_secinfos(list);
  for (uint32_t i = 0; i < btf_vlen(list); ++i) {
    const btf_type* variable = btf__type_by_id(types, entries[i].type);
    if (variable && name == btf__name_by_offset(types, variable->name_off)) return Extent{entries[i].offset, entries[i].size};
  }
  return std::nullopt;
}

// The internal map of a data section (".rodata", ".bss").
bpf_map* section_map(const bpf_object* object, std::string_view section) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    std::string_view name = bpf_map__name(map);
    size_t dot = name.rfind('.');
    if (bpf_map__is_internal(map) && dot != name.npos && name.substr(dot) == section) return map;
  }
  return nullptr;
}

std::span<uint8_t> within(std::span<uint8_t> bytes, const std::optional<Extent>& extent) {
  if (!extent || extent->offset > bytes.size() || extent->size > bytes.size() - extent->offset) return {};
  return bytes.subspan(extent->offset, extent->size);
}

// awl_params before the object is loaded.
std::span<uint8_t> params_bytes(const bpf_object* object) {
  bpf_map* map = section_map(object, ".rodata");
  size_t size = 0;
  void* bytes = map ? bpf_map__initial_value(map, &size) : nullptr;
  if (!bytes) return {};
  return within({static_cast<uint8_t*>(bytes), size}, find_variable(object, ".rodata", artifact::params_symbol));
}

// awl_globals of the loaded object, shared with the kernel.
Result<> map_globals(Loaded& loaded, const Meta& meta) {
  if (meta.globals_size == 0) return {};
  bpf_map* map = section_map(loaded.object.get(), ".bss");
  if (!map) return fail(0, "damaged object: it has no {}", artifact::globals_symbol);
  size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), size = (bpf_map__value_size(map) + page - 1) / page * page;
  void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
  if (address == MAP_FAILED) return fail(errno, "cannot map the script's variables");
  loaded.bss = SharedMemory(address, size);
  loaded.globals = within(loaded.bss.bytes(), find_variable(loaded.object.get(), ".bss", artifact::globals_symbol));
  if (loaded.globals.size() < meta.globals_size) return fail(0, "damaged object: {} is smaller than its description says", artifact::globals_symbol);
  return {};
}

uint64_t ring_bytes(const Meta& meta) {
  uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE)), memory = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * page;
  uint64_t pages = number_setting(meta, "perf_rb_pages", 0);
  uint64_t bytes = pages ? pages * page : std::min(default_ring_bytes, memory / 128);
  return std::bit_ceil(std::clamp<uint64_t>(bytes, page, 1u << 30));
}

Result<> find_maps(Loaded& loaded, const Meta& meta) {
  for (const artifact::Map& map : meta.maps) {
    bpf_map* found = map.elf_name.empty() ? nullptr : bpf_object__find_map_by_name(loaded.object.get(), map.elf_name.c_str());
    if (!found && !map.elf_name.empty()) return fail(0, "damaged object: it has no map '{}'", map.elf_name);
    loaded.maps.push_back(found);
  }
  return {};
}

void size_maps(const Loaded& loaded, const Meta& meta) {
  bpf_object* object = loaded.object.get();
  if (bpf_map* events = bpf_object__find_map_by_name(object, std::string(artifact::events_map).c_str()))
    bpf_map__set_max_entries(events, static_cast<uint32_t>(ring_bytes(meta)));
  if (bpf_map* packets = bpf_object__find_map_by_name(object, std::string(artifact::packets_map).c_str()))
    bpf_map__set_max_entries(packets, static_cast<uint32_t>(std::max(1, libbpf_num_possible_cpus())));
  uint64_t keys = number_setting(meta, "max_map_keys", 0);
  for (size_t i = 0; i < meta.maps.size(); ++i) {
    const artifact::Map& map = meta.maps[i];
    bpf_map* found = loaded.maps[i];
    if (!found || map.storage == artifact::Storage::percpu_slot) continue;
    if (!map.key.empty() && map.key[0].size < bpf_map__key_size(found)) bpf_map__set_key_size(found, map.key[0].size);
    if (map.default_size && keys) bpf_map__set_max_entries(found, static_cast<uint32_t>(std::min<uint64_t>(keys, UINT32_MAX)));
  }
}

// What the script's constructs need of the kernel.
Result<> check_needs(const Meta& meta, Host& host) {
  for (const artifact::Need& need : meta.needs) {
    std::optional<Feature> feature = find_feature(need.feature);
    if (!feature) return fail_text(0, fmt::format("{} needs the kernel feature '{}', which this awl does not know", need.construct, need.feature), "use a newer awl");
    if (host.has_feature(*feature)) continue;
    FeatureFacts facts = feature_facts(*feature);
    std::string text = fmt::format("{}: {} needs {}, which this kernel does not have", need.place, need.construct, facts.provides);
    if (!need.source_line.empty()) text += "\n" + need.source_line;
    while (text.ends_with('\n')) text.pop_back();
    return fail_text(0, std::move(text), fmt::format("run it on Linux {} or newer", facts.since));
  }
  return {};
}

// Finds out the rows of awl_places and makes the map as large.
Result<> plan_places(Loaded& loaded, Host& host) {
  size_t total = 0;
  for (LoadedProgram& program : loaded.programs) {
    if (!program.row->uses_places) continue;
    if (!program.provider->places) return fail(0, "damaged object: '{}' probes have no places", program.provider->name);
    AWL_TRY(rows, program.provider->places(program.matches, host));
    program.places = std::move(rows);
    program.first_place = total;
    total += program.places.size();
  }
  bpf_map* map = bpf_object__find_map_by_name(loaded.object.get(), std::string(artifact::places_map).c_str());
  if (!map) return {};
  if (bpf_map__key_size(map) != sizeof(uint32_t) || bpf_map__value_size(map) != sizeof(artifact::PlaceRow)) return fail(0, "damaged object: its {} has rows of {} bytes", artifact::places_map, bpf_map__value_size(map));
  bpf_map__set_max_entries(map, static_cast<uint32_t>(std::max<size_t>(total, 1)));
  return {};
}

Result<> fill_places(const Loaded& loaded) {
  const bpf_map* map = bpf_object__find_map_by_name(loaded.object.get(), std::string(artifact::places_map).c_str());
  for (const LoadedProgram& program : loaded.programs)
    for (size_t i = 0; map && i < program.places.size(); ++i) {
      const uint32_t key = static_cast<uint32_t>(program.first_place + i);
      if (bpf_map_update_elem(bpf_map__fd(map), &key, &program.places[i], BPF_ANY) != 0) return fail(errno, "cannot tell the programs where arguments are");
    }
  return {};
}

// The tables of dw_ustack, of the processes that were asked for, where a program follows stacks by them.
Result<UnwindTablesOwner> read_unwind_tables(const Meta& meta, Host& host, const SessionOptions& options, Messages& messages) {
  if (std::ranges::find(meta.required, artifact::unwind_feature) == meta.required.end()) return UnwindTablesOwner();
  std::set<int> processes(options.unwind_processes.begin(), options.unwind_processes.end());
  for (std::optional<int> process : {options.pid, host.loaded_process()})
    if (process) processes.insert(*process);
  UnwindTablesOwner tables(new UnwindTables(host, messages, std::vector<int>(processes.begin(), processes.end())));
  AWL_CHECK(tables->read());
  return tables;
}

// Where the kernel has no atomic exchange, see artifact::scratch_map.
Result<> adapt_exchanges(const LoadedProgram& program, Host& host) {
  const bpf_insn* code = bpf_program__insns(program.program);
  std::vector<bpf_insn> patched(code, code + bpf_program__insn_cnt(program.program));
  if (!replace_exchanges(patched) || host.has_feature(Feature::atomic_fetch)) return {};
  if (bpf_program__set_insns(program.program, patched.data(), patched.size()) == 0) return {};
  return fail(0, "cannot adapt the program {} to a kernel without atomic exchange", program.row->elf_name);
}

// `refused`: the program that failed.
Result<> prepare_programs(Loaded& loaded, Host& host, const LoadedProgram*& refused) {
  for (LoadedProgram& program : loaded.programs) {
    refused = &program;
    if (program.session == LoadedProgram::Session::first) AWL_CHECK(program.provider->session->prepare(program.program, host));
    else if (program.session == LoadedProgram::Session::none && program.provider->prepare && !program.matches.empty()) AWL_CHECK(program.provider->prepare(program.program, program.matches, host));
    refused = nullptr;
    AWL_CHECK(adapt_exchanges(program, host));
  }
  return {};
}

}  // namespace

std::optional<std::string> why_refused(const LoadedProgram& program, Host& host) {
  if (!program.provider->why_refused) return std::nullopt;
  for (const Target& match : program.matches)
    if (std::optional<std::string> why = program.provider->why_refused(match, host)) return why;
  return std::nullopt;
}

namespace {

std::string permission_hint() {
  std::string missing = missing_capabilities();
  if (missing.empty()) return "the kernel refused although the capabilities are there: look at lockdown, seccomp or the LSM's policy";
  return fmt::format("BPF tracing needs the capabilities CAP_BPF and CAP_PERFMON; missing here: {}. Run it with sudo.", missing);
}

// The program that libbpf has complained about last, if it was about one: "prog 'NAME': ...". After a failure no program has a descriptor to tell.
const LoadedProgram* blamed_program(const Loaded& loaded, std::string_view said) {
  constexpr std::string_view before = "prog '";
  const size_t at = said.rfind(before);
  if (at == said.npos) return nullptr;
  said.remove_prefix(at + before.size());
  const auto found = std::ranges::find(loaded.programs, said.substr(0, said.find('\'')), [](const LoadedProgram& program) { return std::string_view(bpf_program__name(program.program)); });
  return found == loaded.programs.end() ? nullptr : &*found;
}

// Why bpf_object__load failed: permission, the verifier's refusal of a program, or what libbpf said last.
std::unexpected<Error> load_failure(int code, const LoadedProgram* refused, std::string_view verifier_log, const LibbpfLog& log, Host& host, bool verbose) {
  // A refused program has a log; without privilege the kernel says no before it looks at any.
  if (code == EPERM && verifier_log.empty()) return fail_text(code, "the kernel refused to create BPF maps or programs", permission_hint());
  if (refused && !verifier_log.empty()) {
    const artifact::Program& row = *refused->row;
    if (std::optional<Error> missing = explain_missing_field(verifier_log)) {
      if (!row.place.empty()) missing->message = fmt::format("{}: {}", row.place, missing->message);
      return std::unexpected(std::move(*missing));
    }
    std::string text = fmt::format("Error loading BPF program for {}. Error code: {} ({}).", row.elf_name, -code, strerror(code));
    if (!row.place.empty()) text += fmt::format("\n  probe: {} ({})", row.probe, row.place);
    if (std::optional<std::string> why = why_refused(*refused, host)) return fail_text(0, text + "\n  reason: " + *why);
    text += fmt::format("\n  the kernel's verifier says: {}", explain_verifier_log(verifier_log));
    if (verbose) text += fmt::format("\n{}", verifier_log);
    std::string hint = verbose ? "this is a defect of awl: please report it with the script and the log above"
                               : "this is a defect of awl: please report it with the script. Use -v for full kernel error log.";
    return fail_text(0, std::move(text), std::move(hint));
  }
  std::string said = log.text;
  while (!said.empty() && said.back() == '\n') said.pop_back();
  return fail_text(code, said.empty() ? "cannot load the BPF object" : "cannot load the BPF object: " + said, code == EPERM ? permission_hint() : "");
}

Result<> copy_for_matches(LoadedProgram& program, std::string_view license) {
  const bpf_insn* code = bpf_program__insns(program.program);
  size_t count = bpf_program__insn_cnt(program.program);
  size_t copies = program.row->uses_places ? program.places.size() : program.matches.size();
  for (size_t i = 0; i < copies; ++i) {
    std::vector<bpf_insn> patched(code, code + count);
    patch_cookies(patched, program.first_place + i);
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = bpf_program__expected_attach_type(program.program));
    Fd fd(bpf_prog_load(bpf_program__type(program.program), program.row->elf_name.c_str(), std::string(license).c_str(), patched.data(), count, &options));
    if (!fd) return fail(errno, "cannot load the program {} for {}", program.row->elf_name, program.matches[program.row->uses_places ? program.places[i].match : i].text());
    program.copies.push_back(std::move(fd));
  }
  return {};
}

Result<> open_object(Loaded& loaded, const artifact::Artifact& artifact, const SessionOptions& options, std::span<char> verifier_log) {
  LIBBPF_OPTS(bpf_object_open_opts, open_options, .object_name = "awl", .btf_custom_path = options.btf_file.empty() ? nullptr : options.btf_file.c_str(),
              .kernel_log_buf = verifier_log.data(), .kernel_log_size = verifier_log.size());
  if (options.debug_verifier) open_options.kernel_log_level = 1;
  loaded.object.reset(bpf_object__open_mem(artifact.object.data(), artifact.object.size(), &open_options));
  if (!loaded.object) return fail(errno, "libbpf cannot open the object");
  return {};
}

// The programs of the object that are used, and no others.
Result<> bind_programs(Loaded& loaded) {
  bpf_object* object = loaded.object.get();
  bpf_program* unused = nullptr;
  bpf_object__for_each_program(unused, object) bpf_program__set_autoload(unused, false);
  for (LoadedProgram& program : loaded.programs) {
    const std::string& name = program.session == LoadedProgram::Session::none ? program.row->elf_name : program.row->session;
    program.program = bpf_object__find_program_by_name(object, name.c_str());
    if (!program.program) return fail(0, "damaged object: it has no program '{}'", name);
    bpf_program__set_autoload(program.program, true);
  }
  return {};
}

// Opens and loads the object with loaded.programs. `refused`: the program because of which it failed, if it was one.
Result<> load_object(Loaded& loaded, const artifact::Artifact& artifact, Host& host, const SessionOptions& options, const LoadedProgram*& refused) {
  const Meta& meta = artifact.meta;
  LibbpfLog log{.show = options.debug_libbpf, .file = options.messages};
  LibbpfLogScope scope(log);
  // Pages of the log that the kernel does not write stay untouched.
  size_t log_size = std::clamp<uint64_t>(number_setting(meta, "log_size", 1000000), 4096, 64u << 20);
  std::unique_ptr<char[]> log_buffer(new char[log_size]);
  log_buffer[0] = '\0';
  AWL_CHECK(open_object(loaded, artifact, options, {log_buffer.get(), log_size}));
  AWL_CHECK(bind_programs(loaded));
  AWL_CHECK(find_maps(loaded, meta));
  size_maps(loaded, meta);
  AWL_CHECK(use_pinned_maps(loaded.object.get(), loaded.maps, meta));
  AWL_CHECK(plan_places(loaded, host));
  if (loaded.unwind_tables) AWL_CHECK(loaded.unwind_tables->size_maps(loaded.object.get()));
  AWL_CHECK(prepare_programs(loaded, host, refused));
  if (!meta.params.empty()) AWL_CHECK(fill_params(meta, options, host, params_bytes(loaded.object.get())));
  int failed = bpf_object__load(loaded.object.get());
  log_buffer[log_size - 1] = '\0';
  std::string_view verifier_log(log_buffer.get());
  if (options.debug_verifier && !verifier_log.empty()) fmt::print(options.messages, "{}\n", verifier_log);
  if (!failed) return {};
  refused = blamed_program(loaded, log.text);
  return load_failure(-failed, refused, verifier_log, log, host, options.verbose);
}

}  // namespace

void UnwindTablesCloser::operator()(UnwindTables* tables) const { delete tables; }

SharedMemory::~SharedMemory() {
  if (address_) munmap(address_, size_);
}

Result<Loaded> load(const artifact::Artifact& artifact, Host& host, const SessionOptions& options, Messages& messages, bool& nothing) {
  const Meta& meta = artifact.meta;
  nothing = false;
  Loaded loaded;
  AWL_TRY(programs, select_programs(meta, host, options, messages));
  if (programs.empty()) {
    for (const auto& [kind, option] : {std::pair(Runs::as_test, "--test to run test"), std::pair(Runs::as_benchmark, "--bench to run benchmark")})
      for (const artifact::Program& row : meta.programs)
        if (find_provider(row.provider)->runs == kind) return fail_text(0, fmt::format("No probes attached; use {} probes.", option));
    nothing = true;
    return fail_text(0, "No probes to attach");
  }
  if (Result<> limits = check_limits(programs, meta); !limits) {
    nothing = true;
    return std::unexpected(std::move(limits.error()));
  }
  pair_sessions(programs, host, options, messages);
  AWL_CHECK(check_needs(meta, host));
  AWL_TRY(tables, read_unwind_tables(meta, host, options, messages));
  for (;;) {
    loaded = Loaded{.programs = std::move(programs), .unwind_tables = std::move(tables)};
    const LoadedProgram* refused = nullptr;
    Result<> done = load_object(loaded, artifact, host, options, refused);
    if (done) break;
    if (!refused || !drop_alternative(loaded.programs, *refused, done.error().text(), options, messages)) return std::unexpected(std::move(done.error()));
    programs = std::move(loaded.programs);
    tables = std::move(loaded.unwind_tables);
  }
  for (LoadedProgram& program : loaded.programs)
    if ((program.row->per_target || program.row->uses_places) && !program.matches.empty() && !host.has_feature(Feature::attach_cookie))
      AWL_CHECK(copy_for_matches(program, setting(meta, "license", "GPL")));
  AWL_CHECK(pin_new_maps(loaded.maps, meta));
  AWL_CHECK(fill_places(loaded));
  if (loaded.unwind_tables) AWL_CHECK(loaded.unwind_tables->fill(loaded.object.get()));
  AWL_CHECK(map_globals(loaded, meta));
  if (const bpf_map* events = bpf_object__find_map_by_name(loaded.object.get(), std::string(artifact::events_map).c_str()))
    loaded.events = bpf_map__fd(events);
  return loaded;
}

Result<> fit_keys(Meta& meta, Host& host, Messages& messages) {
  constexpr uint32_t always_taken = 512;  // MAX_BPF_STACK
  for (artifact::Map& map : meta.maps) {
    if (map.key.empty() || map.key[0].size <= always_taken || host.has_feature(Feature::large_keys)) continue;
    artifact::Type& key = map.key[0];
    bool several = key.kind == artifact::Kind::tuple && !key.elements.empty();
    uint32_t start = several ? key.elements.back().offset : 0;
    artifact::Type& last = several ? key.elements.back().type.at(0) : key;
    if (last.kind != artifact::Kind::string || start + 2 > always_taken)
      return fail_text(0, fmt::format("the key of map {} takes {} bytes; this kernel takes keys of at most {} (those since about 5.16 take larger ones)", map.name, key.size, always_taken),
                       "make the strings in the key shorter: str(x, 200) for one, or config = { max_strlen = 200 } for all");
    last.size = always_taken - start;
    last.truncatable = true;
    key.size = always_taken;
    messages.warning(fmt::format("This kernel takes map keys of at most {} bytes: strings in the keys of {} that are longer than {} bytes are cut.", always_taken, map.name, last.size - 1));
  }
  return {};
}

bool replace_exchanges(std::span<bpf_insn> instructions) {
  bool found = false;
  for (size_t i = 0; i < instructions.size(); ++i) {
    bpf_insn& at = instructions[i];
    if (at.code == (BPF_LD | BPF_IMM | BPF_DW)) {
      ++i;  // the second half holds a constant
      continue;
    }
    bool atomic = BPF_CLASS(at.code) == BPF_STX && BPF_MODE(at.code) == BPF_ATOMIC;
    if (!atomic || at.imm != BPF_XCHG) continue;
    at.code = static_cast<uint8_t>(BPF_STX | BPF_MEM | BPF_SIZE(at.code));
    at.imm = 0;
    found = true;
  }
  return found;
}

void patch_cookies(std::span<bpf_insn> instructions, uint64_t index) {
  for (size_t i = 0; i + 1 < instructions.size(); ++i) {
    bpf_insn &low = instructions[i], &high = instructions[i + 1];
    if (low.code != (BPF_LD | BPF_IMM | BPF_DW)) continue;
    uint64_t value = static_cast<uint32_t>(low.imm) | uint64_t{static_cast<uint32_t>(high.imm)} << 32;
    if (low.src_reg == 0 && value == artifact::cookie_placeholder) {
      low.imm = static_cast<int32_t>(index);
      high.imm = static_cast<int32_t>(index >> 32);
    }
    ++i;
  }
}

}  // namespace awl
