/** Every reason for which the intake refuses something: metric labels, and part of the contract with agents. */
export type Reason =
  | 'message_malformed' // not a CollectRequest
  | 'host_invalid'
  | 'source_invalid'
  | 'agent_version_invalid'
  | 'process_foreign' // a process of another host than the one that said hello
  | 'metric_invalid'
  | 'unit_invalid'
  | 'kind_unknown'
  | 'attributes_invalid'
  | 'series_too_many'
  | 'series_undefined' // a sample before the definition of its series
  | 'epoch_out_of_range'
  | 'sequence_not_monotonic'
  | 'time_too_old'
  | 'time_in_future'
  | 'samples_malformed' // not a SampleBatch
  | 'samples_unequal_lengths'
  | 'samples_too_many'
  | 'value_not_finite'
  | 'description_invalid'
  | 'table_malformed' // not a ProcessTable
  | 'table_too_large'
  | 'table_unequal_lengths'
  | 'table_text_invalid'
  | 'table_index_out_of_range'
  | 'table_pid_duplicate'
  | 'table_value_out_of_range'
  | 'record_too_large'
