# cmake -DSOURCES="a.bt;b.bt" -DOUTPUT=library.cpp -P library.cmake
# Makes the library's files and the names of their macros a part of the program (src/semantic/library.h).
set(texts "")
set(names "")
set(index 0)
foreach(source IN LISTS SOURCES)
  get_filename_component(name ${source} NAME)
  file(READ ${source} text)
  # Pieces stay below the length that compilers must take in one literal.
  string(LENGTH "${text}" length)
  set(pieces "")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 15000 piece)
    string(APPEND pieces "\n    R\"awl(${piece})awl\"")
    math(EXPR at "${at} + 15000")
  endwhile()
  string(APPEND texts "    {\"stdlib/${name}\",${pieces}},\n")
  string(REGEX MATCHALL "(^|\n)macro [A-Za-z_0-9]+" macros "${text}")
  list(TRANSFORM macros REPLACE "\n?macro " "")
  list(REMOVE_DUPLICATES macros)
  foreach(macro IN LISTS macros)
    list(APPEND names "{\"${macro}\", ${index}}")
  endforeach()
  math(EXPR index "${index} + 1")
endforeach()
list(SORT names COMPARE STRING)
list(JOIN names ",\n    " names)
file(WRITE ${OUTPUT} "#include \"semantic/library.h\"

namespace awl {
namespace {

constexpr LibraryFile files[] = {
${texts}};

constexpr LibraryName names[] = {
    ${names},
};

}  // namespace

std::span<const LibraryFile> library_files() { return files; }
std::span<const LibraryName> library_names() { return names; }

}  // namespace awl
")
