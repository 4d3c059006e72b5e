// printf of a pinned iterator: it writes into the file that is being read, with bpf_seq_printf, which knows fewer conversions than printf.
#include <string>

#include "codegen/lower_internal.h"

namespace awl {
namespace {

// A conversion as the kernel's formatter takes it, for values of 64 bits.
struct Conversion {
  std::string text;
  char kind = 0;         // d u x p s c; 0: none, text alone
  uint8_t bytes = 4;     // of integers
};

// The next piece of a format: text up to a conversion, and that.
Conversion next_conversion(std::string_view format, size_t& at) {
  Conversion found;
  while (at < format.size()) {
    if (format[at] != '%' || at + 1 == format.size()) {
      found.text += format[at++];
      continue;
    }
    if (format[at + 1] == '%') {
      found.text += "%%";
      at += 2;
      continue;
    }
    size_t i = at + 1;
    std::string flags;
    while (i < format.size() && std::string_view("-0+# ").find(format[i]) != std::string_view::npos) flags += format[i++];
    while (i < format.size() && format[i] >= '0' && format[i] <= '9') flags += format[i++];
    if (i < format.size() && format[i] == '.')
      for (++i; i < format.size() && format[i] >= '0' && format[i] <= '9';) ++i;
    for (; i < format.size() && std::string_view("hljzt").find(format[i]) != std::string_view::npos; ++i)
      found.bytes = format[i] != 'h' ? 8 : found.bytes == 2 ? 1 : 2;
    const char kind = i < format.size() ? format[i] : 's';
    at = std::min(i + 1, format.size());
    found.kind = kind == 'i' ? 'd' : kind == 'X' || kind == 'o' ? 'x' : kind;
    found.text += (kind == 'p' ? "0x%" : "%") + flags;
    return found;
  }
  return found;
}

}  // namespace

void Lowering::sequence_call(const ast::Call& call) {
  const artifact::Site& site = unit.meta.sites.at(static_cast<size_t>(call.site));
  const size_t count = site.args.size(), first = call.args.size() - std::min(count, call.args.size());
  emit.scope([&] {
    Value data = count ? memory(static_cast<uint32_t>(8 * count)) : emit.null();
    std::string format;
    size_t at = 0, used = 0;
    while (at < site.text.size()) {
      const Conversion conversion = next_conversion(site.text, at);
      format += conversion.text;
      if (!conversion.kind || used >= count) continue;
      const ast::Expr& e = *call.args[first + used];
      if (!is_scalar(e.type)) {
        format += "s";
        emit.store(data, address(e), static_cast<uint32_t>(8 * used++));
        continue;
      }
      const bool is_signed = conversion.kind == 'd' || (conversion.kind == 's' && e.type->is_signed);
      const unsigned bits = conversion.kind == 'd' || conversion.kind == 'u' || conversion.kind == 'x' ? 8U * conversion.bytes : 64;
      Value v = number64(e);
      if (bits < 64) v = emit.resize(emit.resize(v, bits, is_signed), 64, is_signed);
      format += is_signed ? "lld" : conversion.kind == 'x' || conversion.kind == 'p' ? "llx" : "llu";
      emit.store(data, v, static_cast<uint32_t>(8 * used++));
    }
    format += '\0';
    Value meta = emit.to_address(emit.context_load(64, 0));
    Value file = emit.load_address(meta);  // bpf_iter_meta::seq
    emit.helper(BPF_FUNC_seq_printf, {file, emit.bytes(format), emit.imm(format.size()), data, emit.imm(8 * used)});
  });
}

}  // namespace awl
