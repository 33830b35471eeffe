# The whole model against what another implementation computed with the same weights; argus::golden is what programs for
# other devices link as well.
argus_library(golden
    SOURCES awq_pack.cpp model_ranks.cpp reference_cases.cpp reference_checks.cpp safetensors_writer.cpp thread_group.cpp
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

# The same, divided among ranks.
function(argus_divided_reference_check name folder)
    add_test(NAME reference_check_${name} COMMAND reference_check ${folder} --variant C --threads 1 ${ARGN})
    set_tests_properties(reference_check_${name} PROPERTIES LABELS golden TIMEOUT 900) # sanitizers, two cores
endfunction()
set(argus_reference ${PROJECT_SOURCE_DIR}/tests/data/reference)
argus_divided_reference_check(tp2 ${argus_reference} --tensor-parallel-size 2)
argus_divided_reference_check(tp2_pp2 ${argus_reference} --tensor-parallel-size 2 --pipeline-parallel-size 2)
argus_divided_reference_check(pp4 ${argus_reference} --pipeline-parallel-size 4) # a layer each
argus_divided_reference_check(pp2_uneven ${argus_reference} --pipeline-parallel-size 2 --stage-layers 1,3)
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
# Five groups of the MLP for two ranks: three and two.
argus_divided_reference_check(awq_tp2 ${PROJECT_BINARY_DIR}/tests/awq --tensor-parallel-size 2)
set_tests_properties(reference_check_awq_tp2 PROPERTIES FIXTURES_REQUIRED awq)
add_dependencies(fast_tests awq_pack)

argus_test(tst_divided_model LABEL golden TIMEOUT 600 NEEDS argus::golden)
