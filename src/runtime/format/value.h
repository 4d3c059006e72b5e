#pragma once
// Values as text and as JSON, from the bytes that the kernel side wrote.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "artifact/schema.h"
#include "runtime/format/names.h"

namespace awl {

using ValueBytes = std::span<const uint8_t>;

struct RenderContext {
  Names& names;
  std::string_view trailer = "..";  // behind a string that str() cut
  uint64_t cut = 0;                 // how many of those were met
};

// Up to 8 bytes, little endian, extended by the sign when asked.
uint64_t load_integer(ValueBytes bytes, uint32_t size, bool is_signed);
// The bytes of an element; empty when they lie outside of `bytes` (a bit-field's value is moved down into `storage`).
ValueBytes element_bytes(const artifact::Element& element, ValueBytes bytes, std::span<uint8_t, 8> storage);

// What print() shows, without a newline behind it. Bytes that are missing count as zero.
void append_text(std::string& out, const artifact::Type& type, ValueBytes bytes, RenderContext& context);
// The JSON value.
void append_json(std::string& out, const artifact::Type& type, ValueBytes bytes, RenderContext& context);
// A map key: in text "1, x", in JSON (not yet escaped) "1,x". A tuple stands for several keys.
void append_key_text(std::string& out, const artifact::Type& type, ValueBytes bytes, RenderContext& context);
void append_key_json(std::string& out, const artifact::Type& type, ValueBytes bytes, RenderContext& context);

// Order of two values of one type: integers by number, strings by bytes, tuples and records by their elements. <0, 0, >0.
int compare_values(const artifact::Type& type, ValueBytes a, ValueBytes b);

// Bytes of a buffer: printable ones as they are, others as \x01 (all: every byte so).
void append_escaped(std::string& out, ValueBytes bytes, bool all);
// The content of a value of Kind::buffer or Kind::string, without length and padding.
ValueBytes buffer_content(ValueBytes bytes);
std::string_view string_content(ValueBytes bytes);

}  // namespace awl
