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
  uint64_t frames = load_integer(bytes, user ? 4 : 8, false);
  uint32_t pid = user && bytes.size() >= 8 ? static_cast<uint32_t>(load_integer(bytes.subspan(4), 4, false)) : 0;
  size_t frame_size = type.stack_mode == StackMode::build_id ? sizeof(bpf_stack_build_id) : 8;
  size_t room = bytes.size() > 8 ? (bytes.size() - 8) / frame_size : 0;
  frames = std::min<uint64_t>({frames, type.count, room});
  out += '\n';
  for (uint64_t i = 0; i < frames; ++i) {
    ValueBytes frame = bytes.subspan(8 + i * frame_size, frame_size);
    if (type.stack_mode == StackMode::build_id)
      append_build_id_frame(out, frame);
    else
      append_frame(out, type.stack_mode, user, load_integer(frame, 8, false), pid, names, indent);
  }
}

}  // namespace awl
