#pragma once
// Names of the schema's enumerators, in their order: for printing, and as the limit that reading checks numbers against.
#include <array>
#include <span>
#include <string_view>

#include "artifact/schema.h"

namespace awl::artifact {

inline constexpr auto kind_names = std::to_array<std::string_view>(
    {"none",      "boolean", "integer", "pointer", "enumeration", "string", "buffer",  "array",     "tuple",    "record",
     "structure", "kstack",  "ustack",  "ksym",    "usym",        "inet",   "macaddr", "timestamp", "username", "cgroup_path",
     "probe",     "cidr",    "count",   "sum",     "min",     "max",         "avg",    "stats",   "hist",      "lhist",    "tseries"});
static_assert(kind_names.size() == static_cast<size_t>(Kind::tseries) + 1);

inline constexpr auto stack_mode_names = std::to_array<std::string_view>({"bpftrace", "perf", "raw", "build_id"});
static_assert(stack_mode_names.size() == static_cast<size_t>(StackMode::build_id) + 1);

inline constexpr auto storage_names = std::to_array<std::string_view>({"global", "percpu_slot", "hash", "percpu_hash", "array", "percpu_array", "queue", "bloom", "object", "redirect", "sockets"});
static_assert(storage_names.size() == static_cast<size_t>(Storage::sockets) + 1);

inline constexpr auto action_names =
    std::to_array<std::string_view>({"printf", "print_value", "print_map", "print_element", "clear", "zero", "exit", "time", "join", "cat",
                                     "system", "errorf", "warnf", "strftime", "runtime_error", "skboutput", "unwatch", "watch", "capture", "store"});
static_assert(action_names.size() == static_cast<size_t>(Action::store) + 1);

inline constexpr auto param_kind_names =
    std::to_array<std::string_view>({"pid", "start_ns", "ncpus", "child_pid", "positional_number", "positional_text", "positional_count",
                                     "kernel_symbol", "pid_namespace_dev", "pid_namespace_ino", "feature", "option_number", "option_text", "option_flag", "kernel_fact",
                                     "wall_offset", "tai_offset", "cgroup_id", "user_symbol"});
static_assert(param_kind_names.size() == static_cast<size_t>(ParamKind::user_symbol) + 1);

constexpr std::span<const std::string_view> enum_names(Kind) { return kind_names; }
constexpr std::span<const std::string_view> enum_names(StackMode) { return stack_mode_names; }
constexpr std::span<const std::string_view> enum_names(Storage) { return storage_names; }
constexpr std::span<const std::string_view> enum_names(Action) { return action_names; }
constexpr std::span<const std::string_view> enum_names(ParamKind) { return param_kind_names; }

template <typename T>
constexpr std::string_view enum_name(T value) {
  const auto names = enum_names(value);
  const auto index = static_cast<size_t>(value);
  return index < names.size() ? names[index] : std::string_view("?");
}

}  // namespace awl::artifact
