#pragma once
// A probe kind. To add one: write src/probes/NAME.cpp with its Provider, add a line to registry.cpp, a unit test in
// tests/unit/probes/NAME_test.cpp, and a case in tests/kernel. Listing, man page, completion, "did you mean" follow.
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "artifact/schema.h"
#include "base/diagnostics.h"
#include "base/result.h"
#include "probes/dwarf.h"
#include "probes/host.h"

struct bpf_program;

namespace awl {

struct Provider;

// An attach point for one provider: what stands behind `provider:`, split at ':'. Each provider reads its own parts.
struct Target {
  const Provider* provider = nullptr;
  std::vector<std::string> parts;
  // The attach point in full, normalised, as the `probe` builtin and listings show it.
  std::string text() const;
  void append_text(std::string& text) const;
};
// Takes targets one by one: what it is given is good during the call only.
using TargetSink = std::function<void(const Target&)>;

// How a value is taken out of the program's context.
struct RegisterAccess { uint32_t offset; };             // 8 bytes of struct pt_regs at `offset`
struct ArgumentAccess { uint32_t index; };              // ctx[index], a u64 slot: BTF programs and raw tracepoints
struct BytesAccess {                                    // `size` bytes of the context
  uint32_t offset = 0, size = 0;
  // When given, code generation relocates: member `core_member` of kernel type `core_type` (CO-RE), `offset` is
  // then only this kernel's value. core_index >= 0: that element of the member, an array of u64.
  std::string core_type, core_member;
  int core_index = -1;
};
struct DataLocAccess { BytesAccess word; };             // u32 (length << 16 | offset from the context) for bytes that follow
// For functions of programs, where the context is struct pt_regs:
struct RegistersAccess { std::vector<uint32_t> offsets; };  // a value in memory form: 8 bytes of struct pt_regs at each offset, one behind the other
struct StackAccess { uint32_t offset = 0; };            // at the traced program's stack pointer plus `offset`
struct HelperTextAccess { uint32_t helper = 0, size = 0; };  // a string that a helper writes: helper(context, bytes, size, 0)
struct UsdtAccess { uint32_t index = 0; };              // argument of a static probe point: where it is stands in artifact::places_map, a row for each place
struct FunctionIpAccess {};                             // address of the traced function (bpf_get_func_ip where there is, else from ip)
using Access = std::variant<RegisterAccess, ArgumentAccess, BytesAccess, DataLocAccess, FunctionIpAccess, RegistersAccess, StackAccess, HelperTextAccess, UsdtAccess>;

// The type of a context value: a type out of a program's debug information (`pointer`: the address of such a value), a BTF type id in the kernel's BTF (module: of that module's split BTF), or a C spelling as tracefs prints it.
struct BtfTypeId { uint32_t id = 0; std::string module; };
struct CSpelling {
  std::string text;      // "unsigned int", "const char *", "pid_t", "char[16]", "__data_loc char[]" is given as "char[]"
  uint32_t size = 0;     // bytes, of the whole
  bool is_signed = false;
};
struct DwarfValue { DwarfTypeRef type; bool pointer = false; };
using ContextType = std::variant<BtfTypeId, CSpelling, DwarfValue>;

struct ContextField {
  std::string name;
  ContextType type;
  Access access;
  // Of Context::fields:
  bool writable = false;       // may be assigned to
  bool network_order = false;  // a number as wide as the type, in network order at the start of a word of 32 bits; read and written in the machine's order
};

// Where the packet is that a program sees (probes/packet.h has what can be read of it). Offsets are those of 32-bit words of the context.
struct PacketSource {
  bool link_layer = true;  // it starts with the Ethernet header; else with that of the network layer, whose kind `protocol` tells
  bool direct = true;      // data and data_end are pointers that the program may load through; else bytes are copied by bpf_skb_load_bytes
  uint32_t data = 0, data_end = 0;
  std::optional<uint32_t> length;           // else data_end - data
  std::optional<uint32_t> protocol;         // EtherType in network order
  std::optional<uint32_t> vlan_present, vlan_tci, vlan_proto;  // the outermost tag, when the kernel has taken it off
  bool pull = false;       // bpf_skb_pull_data brings more of it within data and data_end
};

// What a program attached to one target can see.
struct Context {
  std::vector<ContextField> args;        // args.NAME in order
  std::vector<std::pair<std::string, std::string>> unreadable;  // arguments that no program can read: name, and why; no name: all that `args` lacks
  bool has_args = false;                 // false: `args` is refused for this kind
  std::vector<Access> positional;        // arg0 ..., each a u64
  std::optional<ContextField> retval;
  std::optional<Access> function;        // address behind `func`
  std::optional<BtfTypeId> whole;        // the structure that `ctx` points to, where the kernel's types name one
  std::optional<BytesAccess> object;     // a pointer in the context without which there is nothing to run for: the last run of an iterator
  bool sequence = false;                 // printf writes into the file that is being read (context: struct bpf_iter_meta * first)
  bool registers = false;                // the context is struct pt_regs: reg("ip")
  bool user_pointers = false;            // untyped pointers found here are user addresses
  bool direct_loads = false;             // pointers typed by BTF may be dereferenced without a helper
  std::vector<ContextField> fields;      // ctx.NAME; where `skb` is set, skb.NAME too
  bool skb = false;                      // the context is struct __sk_buff
  std::optional<PacketSource> packet;
  const struct Verdicts* verdicts = nullptr;  // instead of the kind's
  bool holds_socket = false;             // the context is struct bpf_sock_ops of an event at which a map takes its socket
  // The program runs only where a 32-bit word of the context has a value. Events that a socket must ask for: it does, with `callbacks`, where the word has
  // one of the values `asks`.
  struct Only {
    uint32_t offset = 0, value = 0;
    uint32_t callbacks = 0;
    std::span<const uint32_t> asks;
  };
  std::optional<Only> only;
};

// How the build side makes programs of an attach point that matches several targets.
enum class Expand : uint8_t {
  one_program,       // one program for all matches, unless its body uses `args` (or what else depends on the target)
  program_per_match,
};

// What a program of a kind that decides something may return. A program that says nothing lets pass.
struct Verdicts {
  struct Name {
    std::string_view name;  // "XDP_DROP"
    int64_t value = 0;
  };
  std::span<const Name> names;       // known as identifiers in programs of the kind
  int64_t usual = 0;                 // what a program without `return` gives
  std::span<const int64_t> passing;  // these change nothing; all others need --unsafe
  int64_t least = 0, most = 0;       // what the kernel takes
  std::optional<int64_t> redirect;   // what redirect() gives
  std::optional<int64_t> assign;     // what assign() gives
};
extern const std::span<const Verdicts::Name> errno_names;  // EPERM ...: values of kinds that deny with an error

// What makes programs of a kind run: what they are attached to, or the session itself, once at its start or end, for a signal that the
// process gets, for --test, for --bench. `as_iterator`: attaching runs them, to their end.
enum class Runs : uint8_t { attached, at_start, at_end, on_signal, as_test, as_benchmark, as_iterator };
constexpr bool run_by_session(Runs runs) { return runs != Runs::attached && runs != Runs::as_iterator; }

// An iterator that was made of a program: a descriptor (the caller's to close) whose reading, to its end, runs the program for each object; or the
// file that it was pinned to.
struct Iteration {
  int descriptor = -1;
  std::string pin;
};

// Of a target whose place a running program tells, by watch(): what is known of it before.
struct Placement {
  std::string name;              // what watch() calls it
  // Where the script does not call watch() itself: the target whose programs do, with which of their arguments (`arg0`).
  std::optional<Target> setter;
  std::string argument;
  bool stops = false;            // the traced process waits until the place is watched
};

// One link for the programs of two kinds that trace the same functions, at their entry and at their return. One program does the work of both.
struct FunctionSession {
  std::string_view returns;   // the other kind
  std::string_view section;   // of the program in the object
  // Whether the kernel can attach to these in such a way.
  bool (*usable)(std::span<const Target> matches, Host& host) = nullptr;
  // Instead of Provider::prepare.
  Result<> (*prepare)(bpf_program* program, Host& host) = nullptr;
};

struct Provider {
  std::string_view name;                        // "kprobe"
  std::span<const std::string_view> aliases;    // "k"
  std::string_view syntax, doc, example;        // example: a whole script that compiles
  Expand expand = Expand::program_per_match;
  Runs runs = Runs::attached;
  bool any_task = false;      // interval: fires in whatever task happens to run, which has nothing to do with the probe
  bool stands_alone = false;  // a script with an attach point of this kind has no other (iter)
  const Verdicts* verdicts = nullptr;  // null: what programs return does not matter
  bool in_task = true;         // programs run for the current task: pid, comm, ... mean something
  bool kernel_functions = false;  // targets are functions of the kernel, looked up in Host::traceable_functions
  bool takes_packets = false;  // programs can be given the packets that tests make: a run of tests does not attach them

  // Reads the written parts (those behind the provider's name): checks their number and form, fills in defaults, normalises.
  // Reports mistakes at `span` and returns nothing then. `$1` has been replaced where its value is known; an unknown one may
  // stand in any part and is accepted.
  std::optional<Target> (*parse)(std::span<const std::string> parts, Span span, Diagnostics& diagnostics) = nullptr;
  // The existing targets that a target (with or without `*`) means, each without `*`, sorted. Empty: none exists. For kinds without
  // anything to look up: the target itself.
  Result<std::vector<Target>> (*match)(const Target& target, Host& host) = nullptr;
  // What programs of a target can see; null function: nothing.
  Result<Context> (*context)(const Target& target, Host& host) = nullptr;
  // context() tells nothing but `args`, at a cost (the kernel's types are read): not asked for bodies that do not use them.
  bool context_is_args = false;
  // Fills in Context::args where looking them up costs something (a program's debug information): asked only for programs that use `args`.
  Result<> (*arguments)(const Target& target, Host& host, Context& context) = nullptr;
  // The ELF section name that makes libbpf choose type and attach type, e.g. "kprobe/vfs_read", "tp_btf/sched_switch".
  std::string (*section)(const Target& target) = nullptr;
  // Before the object is loaded: sets what the attach mechanism wants (the type for multi links). May be null. `matches` is what attach() will get.
  Result<> (*prepare)(bpf_program* program, std::span<const Target> matches, Host& host) = nullptr;
  // Attaches a loaded program to `matches` (what match gave for its target on this machine).
  // The i-th match gets cookie first_cookie + i where the kernel has cookies and `cookies` is asked for.
  // `pid`: -p or -c, for kinds that can filter in the kernel.
  struct AttachRequest {
    int program = -1;  // file descriptor of the loaded program, or of a copy of it; stays the caller's
    std::span<const Target> matches;
    bool cookies = false;
    uint64_t first_cookie = 0;       // of kinds with `places`: of the first row
    std::optional<size_t> only_row;  // kinds with `places`: attach nothing but what this row of `places` stands for
    std::optional<int> pid;
    // Called after each of many attachments that are made one by one; false: give up (with EINTR). May be empty. Called from one thread.
    std::function<bool(size_t made)> progress;
    bool session = false;  // the program is one of FunctionSession
    bool unsafe = false;  // --unsafe: what can harm the traced program is allowed
  };
  Result<std::vector<Link>> (*attach)(const AttachRequest& request, Host& host) = nullptr;
  const FunctionSession* session = nullptr;  // null: the kind's programs stand alone
  // Kinds whose programs must know of each place where they run what no register tells (USDT: where the arguments are): the rows of
  // artifact::places_map that `matches` need, in a fixed order, each once. Cookies are then numbers of rows, not of matches. May be null.
  Result<std::vector<artifact::PlaceRow>> (*places)(std::span<const Target> matches, Host& host) = nullptr;
  // Instead of attach() for Runs::as_iterator.
  Result<Iteration> (*iterate)(const AttachRequest& request, Host& host) = nullptr;
  // The targets for `awl -l PROVIDER:PATTERN`, in the order of their texts, each once. May be null: nothing to list.
  Result<> (*list)(const Target& pattern, Host& host, const TargetSink& sink) = nullptr;
  // Whether a target may only be used with --unsafe. May be null: never.
  bool (*needs_unsafe)(const Target& target) = nullptr;
  // The memory address that a target watches, for unwatch(). May be null: none.
  std::optional<uint64_t> (*watched_address)(const Target& target) = nullptr;
  // Kinds that can be attached while programs run. attach() does nothing for a target with a placement; when the address comes it is called for
  // place_at() of it, with the process that told it. May be null: none.
  std::optional<Placement> (*placement)(const Target& target) = nullptr;
  Target (*place_at)(const Target& target, uint64_t address) = nullptr;
  // Whether the kernel has this kind of probe at all; asked where there is a choice (alternatives). May be null: nothing to find out.
  bool (*usable)(Host& host) = nullptr;
  // Why the kernel may have refused a target: asked when it has, since finding out takes a while. May be null; nothing: not known.
  std::optional<std::string> (*why_refused)(const Target& target, Host& host) = nullptr;
  // Can only be filtered by a predicate on pid that code generation adds (tracepoints, kprobes), not when attached.
  bool pid_by_predicate = false;
};

std::span<const Provider* const> providers();
// By name or alias; letters' case is ignored where no alias has them exactly.
const Provider* find_provider(std::string_view name);

// A number as scripts write them (1_000, 0x10, 1e6). The error is a phrase: "invalid integer: x".
std::expected<uint64_t, std::string> parse_unsigned(std::string_view text);

}  // namespace awl
