ringmx_fuzz(data_framing data_framing.cpp ringmx_scan)
target_include_directories(fuzz_data_framing PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../unit/scan)
