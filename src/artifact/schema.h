#pragma once
// What the build side tells the run side, apart from the BPF object itself: plain data, stored as CBOR in the ELF section
// .awl.meta. The run side needs nothing else. Reading checks every index, offset and size (open.cpp): code
// behind `artifact::open` may rely on them.
#include <algorithm>
#include <compare>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

namespace awl::artifact {

// How a value is to be read from bytes and shown.
enum class Kind : uint8_t {
  none,
  boolean, integer, pointer, enumeration,
  string,     // NUL-terminated within `size` bytes
  buffer,     // u32 length, then `size - 4` bytes
  array,      // elements[0] repeated `count` times
  tuple,      // elements at their offsets
  record,     // the same with names
  structure,  // the same (kernel or C struct)
  kstack,     // u64 hash of the frames, u32 number of frames, u32 zero: the frames are in awl_stacks (see stacks_map)
  ustack,     // u64 hash of the frames, u32 number of frames, u32 pid
  ksym,       // u64 kernel address
  usym,       // u64 user address, u32 pid, u32 zero
  inet,       // u32 address family (AF_INET, AF_INET6), 16 bytes of address
  macaddr,    // 6 bytes
  timestamp,  // u64 ns, u32 index into Meta::strings of the strftime format, u32 clock (0 boot, 1 tai)
  username,   // u64 uid
  cgroup_path,  // u64 cgroup id, u64 index into Meta::strings of the filter
  probe,      // u64 index into the names of the running programs' targets (see Program::first_target): prints as text
  cidr,       // u32 bits of the prefix, 16 bytes of address: IPv4 in ::ffff:0:0/96, so its prefixes are 96 bits longer
  // aggregations: only as a map's value
  count,  // u64
  sum,    // u64 total, u64 updates
  min, max,  // u64 value, u64 updates
  avg, stats,  // u64 total, u64 updates
  hist,   // see HistogramShape: u64 for each bucket
  lhist,
  tseries,  // see HistogramShape: {u64 interval, u64 value, u64 weight} for each of `buckets` intervals
};

enum class StackMode : uint8_t { bpftrace, perf, raw, build_id };

struct Type;
struct Element {
  std::string name;  // records and structures
  uint32_t offset = 0;
  std::vector<Type> type;  // exactly one (a vector breaks the recursion)
  uint8_t bit_offset = 0, bit_size = 0;  // bit-field: bits from the element's first byte; size 0: none
  bool operator==(const Element&) const = default;
};
struct Enumerator {
  std::string name;
  uint64_t value = 0;
  bool operator==(const Enumerator&) const = default;
};
struct Type {
  Kind kind = Kind::none;
  uint32_t size = 0;       // bytes
  bool is_signed = false;  // integers, and the aggregations of signed integers
  uint32_t count = 0;      // arrays: elements; stacks: limit of frames
  StackMode stack_mode = StackMode::bpftrace;
  std::vector<Element> elements;
  std::vector<Enumerator> enumerators;
  bool truncatable = false;  // string read by str() without length: a full one gets the trailer
  bool operator==(const Type&) const = default;
};

// hist(n, bits): bucket 0: n < 0; 1 + n for 0 <= n < 2^(bits+1); then 2^bits buckets for each power of two.
// Number of buckets: 1 + 2^(bits+1) + (63 - (bits+1)) * 2^bits.
// lhist(n, min, max, step): bucket 0: n < min; 1 + (n - min) / step; the last: n >= max rounded down to a whole step.
// tseries(n, step, buckets, function): time is cut into intervals of `step` ns of the wall clock; interval i (time / step) is kept at i % buckets, and
// one that is met later takes its place. `weight`: of `last` the time of the update, else the number of updates; an interval of 0 is an empty place.
enum class SeriesFunction : uint8_t { last, avg, max, min, sum };
struct HistogramShape {
  uint32_t bits = 0;                  // hist; tseries: the SeriesFunction
  int64_t min = 0, max = 0, step = 0;  // lhist
  uint32_t buckets = 0;
  bool operator==(const HistogramShape&) const = default;
};

enum class Storage : uint8_t {
  global,       // scalar plain value: in the object's .bss, `offset` bytes from its start; a u64 "is set" flag at `set_offset`
  percpu_slot,  // scalar aggregation: element 0 of a per-CPU array, or more of them: see slot_piece
  hash,         // keyed plain value
  percpu_hash,  // keyed aggregation
  array,         // plain values of the keys 0 to max_entries - 1, which are all there
  percpu_array,  // the same with aggregations
  queue,         // plain values without keys, taken out in some order; what is looked at one by one is gone
  bloom,         // keys alone, of which can be asked whether they may be there; cannot be read
  object,        // plain values that hang on objects of the kernel (the keys: pointers) and end with them; cannot be read
  redirect,      // where packets can go, by index; the run side alone writes to it
  sockets,       // sockets, by index, that other processes put in, or programs of sockets' events; cannot be read
};
struct StorageFacts {
  bool percpu = false;  // each CPU has its own value: aggregations
  bool keyed = false;
  bool array = false;   // the keys are indices
  bool listed = false;  // the run side can read all elements at any time
};
inline constexpr StorageFacts storage_facts[] = {
    {.listed = true},                                  // global
    {.percpu = true, .listed = true},                  // percpu_slot
    {.keyed = true, .listed = true},                   // hash
    {.percpu = true, .keyed = true, .listed = true},   // percpu_hash
    {.keyed = true, .array = true, .listed = true},    // array
    {.percpu = true, .keyed = true, .array = true, .listed = true},  // percpu_array
    {},                                                // queue
    {.keyed = true},                                   // bloom
    {.keyed = true},                                   // object
    {.keyed = true, .array = true},                    // redirect
    {.keyed = true, .array = true},                    // sockets
};
constexpr const StorageFacts& facts(Storage s) { return storage_facts[static_cast<size_t>(s)]; }
static_assert(std::size(storage_facts) == static_cast<size_t>(Storage::sockets) + 1);
constexpr bool is_percpu(Storage s) { return facts(s).percpu; }
constexpr bool is_keyed(Storage s) { return facts(s).keyed; }
constexpr bool is_array(Storage s) { return facts(s).array; }
constexpr bool is_listed(Storage s) { return facts(s).listed; }

struct Map {
  std::string name;      // "@x"
  std::string elf_name;  // of the BPF map; empty for Storage::global
  Storage storage = Storage::hash;
  uint32_t max_entries = 0;
  bool default_size = true;  // no `let @x = ...(n)`: the run side may apply max_map_keys
  uint64_t offset = 0, set_offset = 0;
  std::vector<Type> key;  // none for scalars; otherwise one, a tuple for several keys
  Type value;
  HistogramShape histogram;
  bool print_at_exit = true;
  std::string pin;  // name below pin_folder under which the map stays and is found by others; empty: it ends with the program
};

// A map that the run side fills before any program runs: with the elements in a file, see runtime/map_file.h.
struct Load {
  uint32_t map = 0;        // index into maps
  std::string path;        // as the script says it; relative ones start at the folder of the script or object that is run
  uint32_t parameter = 0;  // the path is this positional parameter instead, relative to the working directory; 0: none
  std::string place;       // "stdin:1:9-28"
};

// An asynchronous call. Its events are records of the ring buffer `awl_events`: u32 site index, u32 program index, then the payload with the
// arguments at their offsets.
// print_element prints an element whose value is an aggregation: `map` says of which map, the payload's one argument is the key; reading and merging
// the CPUs' values is left to the run side unless the program could do it (then the value is that of the moment): behind the key stand u64 merged,
// u64 total (or value), u64 updates. Elements of other maps are print_value.
// skboutput, capture: the event comes by awl_packets; `text` is the file, the payload: see packet_header, capture_header. capture: `top` is the type of
// the packets' first header (LINKTYPE_*, pcap-linktype(7)), `div` the most bytes of a packet that are kept.
enum class Action : uint8_t {
  printf, print_value, print_map, print_element, clear, zero, exit, time, join, cat, system, errorf, warnf, strftime,
  runtime_error,  // a mistake met at run time: `text`, in which {} stands for the number; payload: i64 number (return code of the helper)
  skboutput, unwatch,
  watch,  // `text`: Placement::name of the programs to attach; payload: u64 address, u32 process, u32 whether it is stopped and must be continued
  capture,
  store,  // into an element of `map` that programs cannot write to (Storage::redirect); args: key, value
};
inline constexpr uint32_t watch_payload = 16;
struct Site {
  Action action = Action::printf;
  std::string text;             // format of printf, time, ...; message of runtime_error
  std::vector<Element> args;    // payload
  uint32_t payload = 0;         // bytes of the payload (the largest, where its end varies)
  int32_t map = -1;             // print_map, clear, zero, runtime_error of an update: index into maps
  int64_t top = 0, div = 0;     // print_map
  std::string helper;           // runtime_error
  // Where the call stands, for messages: rendered place, e.g. "stdin:1:9-28", and the source line with underline.
  uint32_t line = 0, column = 0, column_end = 0;
  std::string source_line;
};

// One BPF program and where it goes.
struct Program {
  std::string elf_name;   // function name in the object
  std::string provider;   // name of the probes/registry.cpp row
  std::vector<std::string> target;  // what follows the provider in the attach point, parameters ($1) not yet replaced; may hold wildcards
  std::string probe;      // full attach point text as the `probe` builtin shows it (with wildcards if any)
  bool per_target = false;  // the program tells its matches apart: it reads the attach cookie = index of the match
  std::string place;      // "stdin:1:1-10" of the attach point, for messages
  bool uses_places = false;  // it reads its row of places_map: the cookie is then the row's index, and the row tells the match
  // Alternatives (`a else b`): programs of one group, numbered from 1, are used for its lowest rank alone that has a match where the
  // object runs. 0: none.
  uint32_t group = 0, rank = 0;
  // The function in the object that does this program's work and that of the one it forms a pair with, which names it too: for one link to functions of
  // the kernel that runs it at their entry and at their return. Empty: none.
  std::string session;
  std::vector<std::vector<std::string>> also;  // further targets of the program, in the form of `target`: what they show a program is laid out alike
};

// A read-only global that is set before load; see codegen/params.h for who reads them. All live in the .rodata variable
// `awl_params` at `offset`.
enum class ParamKind : uint8_t {
  pid,          // u64: -p, 0 if none
  start_ns,     // u64: boot clock when the run started (elapsed)
  ncpus,        // u64
  child_pid,    // u64: cpid
  positional_number,  // i64: $N
  positional_text,    // char[size]: str($N)
  positional_count,   // u64: $#
  kernel_symbol,  // u64: address of `name` (kaddr)
  pid_namespace_dev, pid_namespace_ino,  // u64: of the tracer's pid namespace; 0 in the initial one
  feature,      // u64: 1 if the kernel has feature `name` (probes/features.h)
  option_number, option_text,  // getopt: `name`, default in `text`, what it is for in `description`
  option_flag,  // the same, u64: 0 or 1, "true" or "false" in `text`
  kernel_fact,  // u64: 1 if what `name` says is true of the kernel, see probes/kernel_facts.h
  wall_offset, tai_offset,     // u64: what the wall clock and TAI are ahead of the boot clock, in ns
  cgroup_id,                   // u64: of the cgroup v2 directory `name`
  user_symbol,                 // u64: address, as in its symbol table, of a symbol of a program or library; `name`: SYMBOL@FILE
};
struct Param {
  ParamKind kind{};
  std::string name;
  uint32_t index = 0;  // positional
  uint32_t offset = 0, size = 8;
  std::string text, description;
};

// What the running kernel must have for a construct of the script: without it nothing is loaded.
struct Need {
  std::string feature;      // name in probes/features.h
  std::string construct;    // "a loop over a map"
  std::string place;        // "stdin:1:9-28"
  std::string source_line;  // rendered, underlined
  bool operator==(const Need&) const = default;
};

// A packet that a `test` program has sent. Such a program runs in steps: its context is two u64, the number of the step (from 0) and what the program
// that got the last packet returned. It returns 0 or 1 at its end (passed, failed), or first_send + an index into Meta::sends: that packet is to be
// sent, then the next step run.
inline constexpr uint32_t first_send = 2;
struct Send {
  uint32_t program = 0;         // index of the program that gets it, of a kind that takes packets
  std::vector<uint8_t> packet;  // from the Ethernet header on
  std::string place;            // "stdin:1:9-28"
};

// The function of the kernel that a program of a session (Program::session) asks whether it runs at a return: called by the kernel's number of it; 0 in an
// object that was not made for one kernel, the run side puts the number in its place.
inline constexpr const char* session_question = "bpf_session_is_return";

// A percpu_slot whose value is larger than what the kernel gives a CPU for an element (PCPU_MIN_UNIT_SIZE, 32 KiB) lies in elements 0, 1, ... of this many
// bytes each: a multiple of the 24 that an interval of a series takes, which is what such values are made of.
inline constexpr uint32_t slot_piece = 32760;
constexpr uint32_t slot_pieces(const Map& map) { return std::max<uint32_t>((map.value.size + slot_piece - 1) / slot_piece, 1); }

struct Setting {  // config that matters at run time, as text
  std::string name, value;
};

inline constexpr uint32_t format_number = 1;
// What Meta::required may name: an object with loads needs "load", one with pinned maps "pin", one with the tables of
// unwind_rows "unwind".
inline constexpr std::string_view unwind_feature = "unwind";
inline constexpr std::string_view known_features[] = {"load", "pin", unwind_feature};
// Folder of pinned maps, made with mode 0700.
inline constexpr std::string_view pin_folder = "/sys/fs/bpf/awl";

struct Meta {
  uint32_t format = format_number;
  std::vector<std::string> required;  // features that a reader must know to run this
  std::string source_name;            // "stdin", or the script's path
  std::string arch;                   // "x86_64"
  std::vector<Program> programs;
  std::vector<Map> maps;
  std::vector<Load> loads;
  std::vector<Site> sites;
  std::vector<Param> params;
  std::vector<Need> needs;
  std::vector<Send> sends;
  std::vector<std::string> strings;
  std::vector<Setting> settings;
  std::vector<std::string> probe_names;  // for values of Kind::probe that are known at build time
  bool needs_unsafe = false;             // has calls that change the system: the runner must be told --unsafe
  uint32_t lost_offset = 0;              // in .bss: u64 lost events for each program, in order
  uint32_t globals_size = 0;             // bytes of awl_globals: scalars, their "is set" flags, the lost counters
};

// Names in the object that both sides know.
inline constexpr std::string_view meta_section = ".awl.meta";
inline constexpr std::string_view events_map = "awl_events";    // BPF_MAP_TYPE_RINGBUF
// BPF_MAP_TYPE_PERCPU_ARRAY of a few areas {u64 busy; bytes}: temporary memory. A run of a program claims the first area of its CPU that is not
// busy with an atomic exchange (BPF_STX | BPF_ATOMIC | BPF_DW, imm BPF_XCHG; kernels from 5.12) and gives it back at its end; when all are
// taken, the run counts as a lost event. Objects with this map have a parameter {ParamKind::feature, "atomic_fetch"}. Where the kernel lacks
// the exchange the run side sets that parameter to 0 and, before load, rewrites each such instruction to a plain store (BPF_STX | BPF_MEM |
// BPF_DW, imm 0): programs cannot be preempted by one another there, and the value loaded before the exchange counts instead.
inline constexpr std::string_view scratch_map = "awl_scratch";
// BPF_MAP_TYPE_HASH of the stacks that values of Kind::kstack and ustack stand for, each stored when it is seen first: key StackKey, value the
// frames: u64 addresses, or struct bpf_stack_build_id in mode build_id. Bytes of the value behind the last frame mean nothing. The run side
// takes stacks out while the programs run, to keep them itself and to make room: a stack that is seen again then is stored again.
inline constexpr std::string_view stacks_map = "awl_stacks";
struct StackKey {
  uint64_t hash = 0;         // 64 bits of a multiplicative hash: two stacks of one length share it about once in 2^64 pairs
  uint32_t frames = 0;
  uint32_t frame_bytes = 0;  // of one frame: 8 or 32
  auto operator<=>(const StackKey&) const = default;
};
constexpr uint32_t stack_frame_bytes(StackMode mode) { return mode == StackMode::build_id ? 32 : 8; }
// BPF_MAP_TYPE_PERF_EVENT_ARRAY of the packets that skboutput() writes: u32 site, u32 how many bytes of the packet to leave out, u64 boot time, then
// the packet's bytes.
inline constexpr std::string_view packets_map = "awl_packets";
inline constexpr uint32_t packet_header = 16;
// Those of capture(): u32 site, u32 how many bytes of the packet follow, u64 boot time, u32 bytes of the whole packet, u32 number of the interface, then
// these bytes.
inline constexpr uint32_t capture_header = 24;
// BPF_MAP_TYPE_ARRAY that the run side fills before it attaches: what programs with Program::uses_places must know of the place where they run.
// A 64-bit value of argument i of a static probe point:
//   none       0 (it cannot be read)
//   constant   value
//   in_register  register `base`
//   in_memory  `size` bytes of the process at register `base` (if has_base) + register `index` * `scale` (if scale is not 0) + value
// of which then `size` bytes behind the lowest `skip` bits count, extended by their sign if is_signed.
enum class PlaceKind : uint8_t { none, constant, in_register, in_memory };
struct PlaceArgument {
  uint64_t value = 0;
  PlaceKind kind = PlaceKind::none;
  uint8_t size = 8, is_signed = 0, skip = 0;
  uint8_t has_base = 0, base = 0, scale = 0, index = 0;  // registers as indices of u64 words of struct pt_regs
  auto operator<=>(const PlaceArgument&) const = default;
};
inline constexpr size_t place_arguments = 12;  // what the macros of sys/sdt.h can give
struct PlaceRow {
  uint64_t match = 0;  // index of the target's match
  PlaceArgument arguments[place_arguments];
  auto operator<=>(const PlaceRow&) const = default;
};
inline constexpr std::string_view places_map = "awl_places";
// Unwinding of user stacks without frame pointers (dw_ustack), on x86-64. The run side makes of the .eh_frame sections of what the target processes have
// mapped three tables, before it attaches and whenever they map more:
//   unwind_processes  BPF_MAP_TYPE_HASH, by the process's number: u64 count, then `count` UnwindRange by rising addresses (unwind_ranges of them fit)
//   unwind_rows       BPF_MAP_TYPE_ARRAY of UnwindRow: those of one file stand together, by rising addresses
//   unwind_rules      BPF_MAP_TYPE_ARRAY of UnwindRule; 0 is the rule of code of which nothing is known
// unwind_rows has room for what is mapped later, and is longer than any stack. An object with them needs the feature "unwind".
inline constexpr std::string_view unwind_processes = "awl_unwinding";
inline constexpr std::string_view unwind_rows = "awl_unwind_rows";
inline constexpr std::string_view unwind_rules = "awl_unwind_rules";
// Code that a process has mapped from a file; `bias`: what addresses are ahead of those in the file's rows.
struct UnwindRange {
  uint64_t start = 0, end = 0, bias = 0;
  uint32_t first = 0, count = 0;  // in unwind_rows
  bool operator==(const UnwindRange&) const = default;
};
inline constexpr uint32_t unwind_ranges = 1024;    // a power of two
inline constexpr uint32_t unwind_row_bits = 24;    // one file has fewer than 2^24 rows
inline constexpr uint32_t most_unwind_rules = 32768;
// From `address` on, up to the next row's, `rule` holds (index into unwind_rules).
struct UnwindRow {
  uint32_t address = 0, rule = 0;
  bool operator==(const UnwindRow&) const = default;
};
// Where something was saved: at an offset from the frame's address (CFA), the stack pointer or the frame pointer of the function that is left.
enum class UnwindPlace : uint8_t {
  unchanged,  // the frame pointer: still in its register
  frame, stack_pointer, frame_pointer,
  lost,  // nobody knows: 0 is taken
};
// Bits of UnwindRule::cfa.
inline constexpr uint8_t cfa_known = 1;          // else the stack ends here
inline constexpr uint8_t cfa_frame_pointer = 2;  // counted from the frame pointer, else from the stack pointer
inline constexpr uint8_t cfa_in_memory = 4;      // the word at that address, plus cfa_extra
inline constexpr uint8_t cfa_by_address = 8;     // 8 more where the code's address modulo 16 is cfa_extra or more (entries of a procedure linkage table)
struct UnwindRule {
  int32_t cfa_offset = 0;
  int16_t cfa_extra = 0, bp_offset = 0, ra_offset = 0;
  uint8_t cfa = 0;
  UnwindPlace bp = UnwindPlace::unchanged;  // the caller's frame pointer
  UnwindPlace ra = UnwindPlace::frame;      // the address where it goes on
  uint8_t interrupted = 0;                  // the caller made no call: a signal came
  uint16_t zero = 0;
  auto operator<=>(const UnwindRule&) const = default;
};
static_assert(sizeof(UnwindRule) == 16 && sizeof(UnwindRow) == 8 && sizeof(UnwindRange) == 32);
inline constexpr std::string_view params_symbol = "awl_params";
inline constexpr std::string_view globals_symbol = "awl_globals";
// Where the kernel has no attach cookies, a per_target program loads this 64-bit constant (BPF_LD_IMM64) in the cookie's place, and the
// run side loads one copy of the program for each match with the constant replaced by the match's index.
inline constexpr uint64_t cookie_placeholder = 0x61776c636f6f6b31;

}  // namespace awl::artifact
