# How covey's own code is compiled: its warnings. Generated code has none of them.
add_library(covey_warnings INTERFACE)
target_compile_features(covey_warnings INTERFACE cxx_std_20)
target_compile_options(covey_warnings INTERFACE -Wall -Wextra -Wno-missing-field-initializers -Wshadow -Wnon-virtual-dtor)
if(COVEY_WERROR)
  target_compile_options(covey_warnings INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(covey_warnings INTERFACE -Wthread-safety)
endif()
# What is covey's own finds its internal headers by their place in the tree; what uses covey does not see them.
add_library(covey_internal INTERFACE)
target_link_libraries(covey_internal INTERFACE covey_warnings)
target_include_directories(covey_internal INTERFACE ${PROJECT_SOURCE_DIR})
# GCC 12 at -O3 sees overlaps in operator+ of strings that there are not (gcc.gnu.org PR 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(covey_warnings INTERFACE -Wno-restrict)
endif()

# In position-independent code GCC else expects every function to be replaced at run time, and inlines less.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fno-semantic-interposition)
endif()
# What a unity build includes are sources: their anonymous namespaces are nobody else's.
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(covey_warnings INTERFACE -Wno-subobject-linkage)
endif()
# What is built names its sources from this folder on: the same bytes wherever the tree is, so that a compiler cache
# finds them again in another clone, also where a batch includes its sources by their whole path.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
# Sanitizers and hardening are for generated code as well.
if(COVEY_SANITIZE)
  add_compile_options(-fsanitize=${COVEY_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${COVEY_SANITIZE})
  if(COVEY_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
if(COVEY_HARDEN)
  include(CheckCXXCompilerFlag)
  # FORTIFY_SOURCE needs an optimiser; some compilers define it themselves.
  add_compile_options(-fstack-protector-strong $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
  foreach(flag stack-clash-protection cf-protection)
    string(MAKE_C_IDENTIFIER COVEY_HAVE_${flag} have)
    check_cxx_compiler_flag(-f${flag} ${have})
    if(${have})
      add_compile_options(-f${flag})
    endif()
  endforeach()
  add_link_options(-Wl,-z,relro -Wl,-z,now)
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES CXX)
endif()

# covey/version.h: for covey itself and for those who build on it.
set(COVEY_GENERATED_INCLUDE ${PROJECT_BINARY_DIR}/include)
configure_file(${PROJECT_SOURCE_DIR}/deploy/cmake/version.h.in ${COVEY_GENERATED_INCLUDE}/covey/version.h @ONLY)

# covey_includes(TARGET PART…): the public headers of TARGET, and of the parts whose headers they include. They live in
# PART/include; programs include them as covey/….
function(covey_includes target)
  foreach(part IN LISTS ARGN)
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/${part}/include>)
  endforeach()
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${COVEY_GENERATED_INCLUDE}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} PUBLIC cxx_std_20)
endfunction()

# covey_program(NAME SOURCES… LIBS… [EXAMPLE]): the program NAME. Its target is covey_NAME, or what TARGET says: names of
# targets are shared with the project around covey. An EXAMPLE sees what programs outside see.
function(covey_program name)
  cmake_parse_arguments(ARG "EXAMPLE" "TARGET" "SOURCES;LIBS" ${ARGN})
  if(NOT ARG_TARGET)
    set(ARG_TARGET covey_${name})
  endif()
  set(own covey_internal)
  if(ARG_EXAMPLE)
    set(own covey_warnings)
  endif()
  add_executable(${ARG_TARGET} ${ARG_SOURCES})
  set_target_properties(${ARG_TARGET} PROPERTIES OUTPUT_NAME ${name})
  target_link_libraries(${ARG_TARGET} PRIVATE ${ARG_LIBS} $<BUILD_INTERFACE:${own}>)
endfunction()
