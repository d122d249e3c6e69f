# covey_install_library(PART TARGETS…): what find_package(covey COMPONENTS PART) gives, and the headers in include/.
function(covey_install_library part)
  if(NOT COVEY_INSTALL)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "TARGETS" ${ARGN})
  foreach(target IN LISTS ARG_TARGETS)
    string(REPLACE covey_ "" name ${target})
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  endforeach()
  install(TARGETS ${ARG_TARGETS} EXPORT covey-${part}-targets COMPONENT development
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} OBJECTS DESTINATION ${CMAKE_INSTALL_LIBDIR}/covey)
  install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.h")
endfunction()

# covey_install_program(TARGET): with the programs, not with the libraries.
function(covey_install_program target)
  if(COVEY_INSTALL)
    install(TARGETS ${target} COMPONENT runtime)
  endif()
endfunction()

# covey_install_text(FILE TARGET DESTINATION [RENAME NAME] ARGUMENTS…): FILE is what the program TARGET prints when it is
# called with ARGUMENTS. A program for another machine does not run here: its pages are left out.
function(covey_install_text file target destination)
  if(NOT COVEY_INSTALL OR (CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR))
    return()
  endif()
  cmake_parse_arguments(ARG "" "RENAME" "ARGUMENTS" ${ARGN})
  if(NOT ARG_RENAME)
    set(ARG_RENAME ${file})
  endif()
  add_custom_command(
    OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${file}
    COMMAND ${target} ${ARG_ARGUMENTS} > ${file}
    DEPENDS ${target}
    VERBATIM)
  add_custom_target(${target}_${file} ALL DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${file})
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${file} DESTINATION ${destination} RENAME ${ARG_RENAME} COMPONENT runtime)
endfunction()
