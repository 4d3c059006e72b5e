#include "runtime/format/stack.h"

#include <fmt/format.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace awl {
namespace {

using artifact::Kind;
using artifact::StackMode;

void append_symbol(std::string& out, const std::optional<SymbolName>& symbol, uint64_t address) {
  if (!symbol || symbol->name.empty())
    fmt::format_to(std::back_inserter(out), "{:#x}", address);
  else
    fmt::format_to(std::back_inserter(out), "{}+{}", symbol->name, symbol->offset);
  if (symbol && !symbol->place.empty()) fmt::format_to(std::back_inserter(out), "@{}", symbol->place);
}

void append_frame(std::string& out, StackMode mode, bool user, uint64_t address, uint32_t pid, Names& names, bool indent) {
  if (mode == StackMode::raw || mode == StackMode::build_id) {
    fmt::format_to(std::back_inserter(out), "{:x}\n", address);
    return;
  }
  std::optional<SymbolName> symbol = user ? names.user_symbol(address, pid) : names.kernel_symbol(address);
  if (mode == StackMode::perf) {
    fmt::format_to(std::back_inserter(out), "{}{:x} ", indent ? "\t" : "", address);
    append_symbol(out, symbol, address);
    if (user) fmt::format_to(std::back_inserter(out), " ({})", symbol && !symbol->module.empty() ? symbol->module : "[unknown]");
  } else {
    if (indent) out += "        ";
    append_symbol(out, symbol, address);
  }
  out += '\n';
}

void append_build_id_frame(std::string& out, ValueBytes bytes) {
  bpf_stack_build_id frame{};
  memcpy(&frame, bytes.data(), std::min(bytes.size(), sizeof frame));
  if (frame.status != BPF_STACK_BUILD_ID_VALID) {
    fmt::format_to(std::back_inserter(out), "{:x}\n", static_cast<uint64_t>(frame.ip));
    return;
  }
  for (unsigned char byte : frame.build_id) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  fmt::format_to(std::back_inserter(out), " {:#x}\n", static_cast<uint64_t>(frame.offset));
}

}  // namespace

void append_stack(std::string& out, const artifact::Type& type, ValueBytes bytes, Names& names, bool indent) {
  bool user = type.kind == Kind::ustack;
  artifact::StackKey key{.frame_bytes = artifact::stack_frame_bytes(type.stack_mode)};
  uint32_t pid = 0;
  if (bytes.size() >= 16) {
    key.hash = load_integer(bytes, 8, false);
    key.frames = static_cast<uint32_t>(load_integer(bytes.subspan(8), 4, false));
    pid = static_cast<uint32_t>(load_integer(bytes.subspan(12), 4, false));
  }
  out += '\n';
  if (key.frames == 0) return;
  ValueBytes frames = names.stack(key);
  if (frames.empty()) fmt::format_to(std::back_inserter(out), "{}[{} frames lost]\n", indent ? "        " : "", key.frames);
  for (; frames.size() >= key.frame_bytes; frames = frames.subspan(key.frame_bytes)) {
    if (type.stack_mode == StackMode::build_id)
      append_build_id_frame(out, frames.first(key.frame_bytes));
    else
      append_frame(out, type.stack_mode, user, load_integer(frames, 8, false), pid, names, indent);
  }
}

}  // namespace awl
