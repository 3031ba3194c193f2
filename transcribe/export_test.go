package transcribe

// Generation is in every version of an answer.
const Generation = generation
