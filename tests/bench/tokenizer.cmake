argus_bench(bench_tokenizer NEEDS argus::text USES nlohmann_json::nlohmann_json)
