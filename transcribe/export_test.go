package transcribe

// Generation is in every version of an answer.
const Generation = generation

// RowsGeneration is in every version of rows.
const RowsGeneration = rowsGeneration
