#include "runtime/format/printf.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace awl {
namespace {

using artifact::Element;
using artifact::Kind;
using artifact::Type;

constexpr uint32_t widest = 4096;

// Reads a conversion behind its '%'. False: it is none.
bool parse_conversion(std::string_view format, size_t& at, FormatPiece& piece) {
  size_t i = at;
  auto peek = [&] { return i < format.size() ? format[i] : '\0'; };
  for (;; ++i) {
    char c = peek();
    if (c == '-') piece.left = true;
    else if (c == '0') piece.zero = true;
    else if (c == '+') piece.plus = true;
    else if (c == '#') piece.alternate = true;
    else if (c != ' ') break;
  }
  for (; peek() >= '0' && peek() <= '9'; ++i) piece.width = std::min(piece.width * 10 + static_cast<uint32_t>(peek() - '0'), widest);
  if (peek() == '.')
    for (++i; peek() >= '0' && peek() <= '9';) ++i;
  if (peek() == 'h') {
    piece.bytes = 2;
    if (++i; peek() == 'h') piece.bytes = 1, ++i;
  } else if (std::string_view("ljzt").find(peek()) != std::string_view::npos && peek()) {
    piece.bytes = 8;
    if (char c = format[i++]; c == 'l' && peek() == 'l') ++i;
  }
  char c = peek();
  if (c == '%') {  // flags and width in front of a literal % mean nothing
    at = i + 1;
    return true;
  }
  if (!c || std::string_view("diuxXocpsrg").find(c) == std::string_view::npos) return false;
  ++i;
  if (c == 'r' && (peek() == 'x' || peek() == 'h')) piece.buffer = format[i++];
  if (c == 'g') {
    if (peek() != 'r') return false;
    ++i;
  }
  piece.conversion = c;
  at = i;
  return true;
}

void append_padded(std::string& out, std::string_view text, const FormatPiece& piece) {
  size_t missing = piece.width > text.size() ? piece.width - text.size() : 0;
  char fill = piece.zero ? '0' : ' ';
  if (!piece.left) out.append(missing, fill);
  out += text;
  if (piece.left) out.append(missing, fill);
}

uint64_t narrowed(uint64_t value, uint8_t bytes, bool is_signed) {
  if (bytes >= 8) return value;
  unsigned unused = 64 - 8 * bytes;
  value <<= unused;
  return is_signed ? static_cast<uint64_t>(static_cast<int64_t>(value) >> unused) : value >> unused;
}

// Sign and prefix stand before zeros that fill the width.
void append_number(std::string& out, const FormatPiece& piece, uint64_t value) {
  fmt::memory_buffer digits;
  std::string_view prefix;
  switch (piece.conversion) {
    case 'd':
    case 'i': {
      int64_t number = static_cast<int64_t>(narrowed(value, piece.bytes, true));
      uint64_t size = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
      prefix = number < 0 ? "-" : piece.plus ? "+" : "";
      fmt::format_to(std::back_inserter(digits), "{}", size);
      break;
    }
    case 'u': fmt::format_to(std::back_inserter(digits), "{}", narrowed(value, piece.bytes, false)); break;
    case 'o':
      value = narrowed(value, piece.bytes, false);
      prefix = piece.alternate && value ? "0" : "";
      fmt::format_to(std::back_inserter(digits), "{:o}", value);
      break;
    case 'p':
      prefix = value ? "0x" : "";
      fmt::format_to(std::back_inserter(digits), "{:x}", value);
      break;
    default: {
      value = narrowed(value, piece.bytes, false);
      bool upper = piece.conversion == 'X';
      prefix = !piece.alternate || !value ? "" : upper ? "0X" : "0x";
      if (upper)
        fmt::format_to(std::back_inserter(digits), "{:X}", value);
      else
        fmt::format_to(std::back_inserter(digits), "{:x}", value);
    }
  }
  size_t length = prefix.size() + digits.size(), missing = piece.width > length ? piece.width - length : 0;
  if (!piece.left && !piece.zero) out.append(missing, ' ');
  out += prefix;
  if (!piece.left && piece.zero) out.append(missing, '0');
  out.append(digits.data(), digits.size());
  if (piece.left) out.append(missing, piece.zero ? '0' : ' ');
}

void append_buffer(std::string& out, const FormatPiece& piece, ValueBytes bytes) {
  std::string text;
  ValueBytes content = buffer_content(bytes);
  if (piece.buffer == 'h')
    for (size_t i = 0; i < content.size(); ++i) fmt::format_to(std::back_inserter(text), "{}{:02x}", i ? " " : "", content[i]);
  else
    append_escaped(text, content, piece.buffer == 'x');
  append_padded(out, text, piece);
}

void append_argument(std::string& out, const FormatPiece& piece, const Element& arg, ValueBytes payload, RenderContext& context) {
  const Type& type = arg.type.at(0);
  uint8_t storage[8];
  ValueBytes bytes = element_bytes(arg, payload, storage);
  uint32_t size = type.kind == Kind::boolean ? 1 : type.kind == Kind::pointer ? 8 : std::min(type.size ? type.size : 8, 8u);
  if (piece.conversion == 's') {
    if (!piece.width) return append_text(out, type, bytes, context);
    std::string text;
    append_text(text, type, bytes, context);
    return append_padded(out, text, piece);
  }
  if (piece.conversion == 'r') return append_buffer(out, piece, bytes);
  uint64_t value = load_integer(bytes, size, type.is_signed);
  if (piece.conversion == 'c') {
    char c = static_cast<char>(value);
    return append_padded(out, std::string_view(&c, 1), piece);
  }
  if (piece.conversion == 'g') return append_padded(out, gfp_flags_text(value), piece);
  append_number(out, piece, value);
}

}  // namespace

std::vector<FormatPiece> compile_format(std::string_view format) {
  std::vector<FormatPiece> pieces;
  FormatPiece current;
  for (size_t i = 0; i < format.size();) {
    if (format[i] != '%') {
      current.text += format[i++];
      continue;
    }
    FormatPiece piece;
    size_t behind = i + 1;
    if (!parse_conversion(format, behind, piece)) {
      current.text += format[i++];
      continue;
    }
    if (!piece.conversion) {
      current.text += '%';
      i = behind;
      continue;
    }
    piece.text = std::move(current.text);
    pieces.push_back(std::move(piece));
    current = {};
    i = behind;
  }
  if (!current.text.empty()) pieces.push_back(std::move(current));
  return pieces;
}

void append_format(std::string& out, std::span<const FormatPiece> pieces, std::span<const Element> args, ValueBytes payload,
                   RenderContext& context) {
  size_t next = 0;
  for (const FormatPiece& piece : pieces) {
    out += piece.text;
    if (piece.conversion && next < args.size()) append_argument(out, piece, args[next++], payload, context);
  }
}

}  // namespace awl
