# The demo model's samples from file to answer; argus::golden_samples is what programs for other devices link as well.
argus_library(golden_samples
    SOURCES sample_checks.cpp
    NEEDS   argus::media argus::model argus::text
    SHOWS   CLI11::CLI11
    USES    nlohmann_json::nlohmann_json fmt::fmt)

add_executable(samples_check samples_check.cpp)
set_target_properties(samples_check PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
target_link_libraries(samples_check PRIVATE argus::golden_samples argus_warnings argus_hardening argus_sanitizers)
add_dependencies(samples_check argus-decoder argus-decoder-av)
set(argus_samples ${PROJECT_SOURCE_DIR}/resources/samples ${PROJECT_SOURCE_DIR}/resources/demo-model $<TARGET_FILE:argus-decoder>)
add_test(NAME samples_check COMMAND samples_check ${argus_samples})
add_test(NAME samples_check_answers COMMAND samples_check ${argus_samples} --answers-only)
set_tests_properties(samples_check samples_check_answers PROPERTIES LABELS golden TIMEOUT 300)
add_dependencies(fast_tests samples_check)
