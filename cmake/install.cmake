# What `cmake --install` writes: the programs, which start from any folder; the library; a CMake package `rrpo`.
# A LibTorch that somebody else owns (RRPO_TORCH_DIR, a Python environment) is used where it is. One that scripts/setup.sh
# fetched into the source tree is copied, as a tree may be moved or closed to other users.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

string(FIND "${torch_root}" "${CMAKE_SOURCE_DIR}/" torch_place)
set(torch_is_ours OFF)
if(torch_place EQUAL 0)
  set(torch_is_ours ON)
endif()
option(RRPO_BUNDLE_TORCH "copy LibTorch (libraries and headers) to lib/rrpo; otherwise the one found is used where it is" ${torch_is_ours})

set(bundle lib/rrpo)
if(RRPO_BUNDLE_TORCH)
  # Laid out as Python's wheels are: LibTorch finds NVIDIA's libraries by their place beside it.
  install(DIRECTORY ${torch_root}/lib DESTINATION ${bundle}/torch USE_SOURCE_PERMISSIONS MESSAGE_NEVER
    FILES_MATCHING PATTERN "*.so*" PATTERN "libtorch_python*" EXCLUDE)
  foreach(folder ${torch_folders})
    install(DIRECTORY ${torch_root}/include/${folder} DESTINATION ${bundle}/torch/include MESSAGE_NEVER)
  endforeach()
  if(EXISTS ${torch_root}/../nvidia)
    install(DIRECTORY ${torch_root}/../nvidia DESTINATION ${bundle} USE_SOURCE_PERMISSIONS MESSAGE_NEVER
      FILES_MATCHING PATTERN "*.so*")
  endif()
  file(RELATIVE_PATH to_torch /prefix/${CMAKE_INSTALL_BINDIR} /prefix/${bundle}/torch/lib)
  set(run_path "$ORIGIN/${to_torch}")
else()
  set(run_path ${torch_root}/lib)
endif()

get_property(programs GLOBAL PROPERTY RRPO_PROGRAMS)
set_target_properties(${programs} PROPERTIES INSTALL_RPATH "${run_path}")
install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

if(TARGET rrpo_nccl)                                  # where world::nccl_plugin() looks for it
  install(TARGETS rrpo_nccl LIBRARY DESTINATION lib/rrpo)
endif()

# Completion and man pages come from the programs themselves.
foreach(program ${programs})
  install(CODE "
    set(share \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}\")
    file(MAKE_DIRECTORY \"\${share}/man/man1\" \"\${share}/bash-completion/completions\")
    execute_process(COMMAND \"$<TARGET_FILE:${program}>\" --help-man OUTPUT_FILE \"\${share}/man/man1/${program}.1\" COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND \"$<TARGET_FILE:${program}>\" --completion bash
      OUTPUT_FILE \"\${share}/bash-completion/completions/${program}\" COMMAND_ERROR_IS_FATAL ANY)")
endforeach()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/configs DESTINATION ${CMAKE_INSTALL_DATADIR}/rrpo)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/rrpo)
install(TARGETS rrpo EXPORT rrpo ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/rrpo DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} MESSAGE_NEVER)
install(EXPORT rrpo NAMESPACE rrpo:: FILE rrpoTargets.cmake DESTINATION ${package})
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/rrpoConfig.cmake.in ${CMAKE_BINARY_DIR}/rrpoConfig.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/rrpoConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/rrpoConfig.cmake ${CMAKE_BINARY_DIR}/rrpoConfigVersion.cmake
  ${CMAKE_SOURCE_DIR}/cmake/dependencies.cmake DESTINATION ${package})
