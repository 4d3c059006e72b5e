#pragma once
// Elements of maps out of files: `load @blocked from "list.txt"`.
//
// A line is an element: its key, then a blank and its value. Keys and values of several parts have commas between them. '#' begins a comment, empty
// lines are left out. Each part is read as its type says:
//   numbers        decimal, 0x..., or an IPv4 address, which is kept as it lies in memory (the form of ip.saddr, of at least 4 bytes)
//   booleans       true, false, 1, 0
//   enumerations   a name or a number
//   strings        a word, or "..." with \" \\ \n \t in it
//   targets of a devmap: a network interface, by its name or number
//   addresses      of either family; arrays of 4 bytes take IPv4, those of 16 bytes IPv6
//   hardware addresses 02:00:00:00:00:01; prefixes 10.0.0.0/8
// A value that is one number or boolean may be left out: it is 1 then.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/schema.h"
#include "base/result.h"
#include "runtime/maps.h"
#include "runtime/session.h"

namespace awl {

// Keys and values one behind the other, each of its type's size, and the line of each element. Maps without keys have no keys.
struct MapElements {
  std::vector<uint8_t> keys, values;
  std::vector<uint32_t> lines;  // from 1
  size_t count() const { return lines.size(); }
};

// Reads the text of a file. Errors name file and line.
Result<MapElements> parse_elements(const artifact::Map& map, std::string_view text, std::string_view file);

// The contents of a file of elements: a regular one of at most 256 MiB, and for a privileged reader none that anybody may write to.
Result<std::string> read_map_file(const std::string& path, bool privileged);

// Puts elements into a map of the kernel, many with one call where it takes that. `file` is for messages.
Result<> store_elements(int fd, const artifact::Map& map, const MapElements& elements, std::string_view file);

// What the script's `load` statements say. `maps` are in the order of Meta::maps. Errors begin with the statement's place.
Result<> fill_maps(const artifact::Meta& meta, std::span<const MapHandle> maps, const SessionOptions& options);

}  // namespace awl
