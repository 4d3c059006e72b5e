#pragma once
// libclang's C API, loaded when a script has C. Nothing of Clang is linked.
#include <clang-c/Index.h>

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace awl {

#define AWL_LIBCLANG_FUNCTIONS(F)                                                                                                    \
  F(createIndex) F(disposeIndex) F(parseTranslationUnit2) F(disposeTranslationUnit) F(getTranslationUnitCursor) F(visitChildren)    \
  F(getCursorKind) F(getCursorSpelling) F(getCursorDefinition) F(getCursorType) F(getCanonicalCursor) F(hashCursor) F(equalCursors) \
  F(getCString) F(disposeString) F(getCanonicalType) F(getTypeDeclaration) F(getPointeeType) F(getArrayElementType) F(getArraySize) \
  F(getAddressSpace) F(Type_getSizeOf) F(Type_getAlignOf) F(Type_visitFields) F(Type_getValueType) F(Cursor_getOffsetOfField)       \
  F(Cursor_isBitField) F(getFieldDeclBitWidth) F(Cursor_isAnonymous) F(getEnumDeclIntegerType) F(getEnumConstantDeclValue)          \
  F(getTypedefDeclUnderlyingType) F(Cursor_Evaluate) F(EvalResult_dispose) F(EvalResult_getKind) F(EvalResult_getAsLongLong)        \
  F(EvalResult_getAsUnsigned) F(EvalResult_isUnsignedInt) F(EvalResult_getAsStr) F(getNumDiagnostics) F(getDiagnostic)              \
  F(disposeDiagnostic) F(getDiagnosticSeverity) F(getDiagnosticSpelling) F(getDiagnosticLocation) F(getExpansionLocation)           \
  F(getFileName) F(getInclusions) F(getNullCursor) F(Cursor_isNull) F(getDiagnosticNumRanges) F(getDiagnosticRange) F(getRangeEnd)  \
  F(getRangeStart)

struct LibClang {
#define AWL_DECLARE(name) decltype(&::clang_##name) name = nullptr;
  AWL_LIBCLANG_FUNCTIONS(AWL_DECLARE)
#undef AWL_DECLARE
  std::string resource_dir;  // Clang's own headers (stddef.h ...), empty when they are not installed

  // Takes a string over.
  std::string text(CXString s) const;
};

// Names under which the loader may know the library, newest supported first.
std::span<const std::string_view> libclang_names();

// Loads the first of `names` that is there; the library stays loaded for the life of the process. The error says what to install.
Result<const LibClang*> load_libclang(std::span<const std::string_view> names = libclang_names());

}  // namespace awl
