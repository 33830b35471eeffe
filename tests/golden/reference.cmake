# The whole model against what another implementation computed with the same weights.
add_executable(reference_check reference_check.cpp reference_cases.cpp)
set_target_properties(reference_check PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
target_link_libraries(reference_check PRIVATE argus::model nlohmann_json::nlohmann_json CLI11::CLI11 fmt::fmt argus_warnings argus_hardening argus_sanitizers)
add_test(NAME reference_check COMMAND reference_check ${PROJECT_SOURCE_DIR}/tests/data/reference --variant C)
set_tests_properties(reference_check PROPERTIES LABELS golden TIMEOUT 300)
add_dependencies(fast_tests reference_check)
