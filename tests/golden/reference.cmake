# The whole model against what another implementation computed with the same weights; argus::golden is what programs for
# other devices link as well.
argus_library(golden
    SOURCES awq_pack.cpp reference_cases.cpp reference_checks.cpp safetensors_writer.cpp
    NEEDS   argus::model
    SHOWS   CLI11::CLI11
    USES    nlohmann_json::nlohmann_json fmt::fmt)

add_executable(reference_check reference_check.cpp)
set_target_properties(reference_check PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
target_link_libraries(reference_check PRIVATE argus::golden argus_warnings argus_hardening argus_sanitizers)
add_test(NAME reference_check COMMAND reference_check ${PROJECT_SOURCE_DIR}/tests/data/reference --variant C)
add_test(NAME reference_check_relative
    COMMAND reference_check ${PROJECT_SOURCE_DIR}/tests/data/reference --variant C --mode relative --tolerance 1e-5)
set_tests_properties(reference_check reference_check_relative PROPERTIES LABELS golden TIMEOUT 300)
add_dependencies(fast_tests reference_check)

# A checkpoint packed to four bits against its twin in floats, which holds the same numbers.
add_executable(awq_pack awq_pack_main.cpp)
set_target_properties(awq_pack PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
target_link_libraries(awq_pack PRIVATE argus::golden fmt::fmt argus_warnings argus_hardening argus_sanitizers)
add_test(NAME awq_pack
    COMMAND awq_pack ${PROJECT_SOURCE_DIR}/tests/data/reference/tiny ${PROJECT_BINARY_DIR}/tests/awq/tiny-awq --variant C)
add_test(NAME reference_check_awq COMMAND reference_check ${PROJECT_BINARY_DIR}/tests/awq --variant C --tolerance 1e-5)
set_tests_properties(awq_pack PROPERTIES FIXTURES_SETUP awq)
set_tests_properties(reference_check_awq PROPERTIES FIXTURES_REQUIRED awq)
set_tests_properties(awq_pack reference_check_awq PROPERTIES LABELS golden TIMEOUT 300)
add_dependencies(fast_tests awq_pack)
