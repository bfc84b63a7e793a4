// The canonical form of a job spec: the JSON mapping of the message (fields that
// are unset left out), spelled by RFC 8785. Its SHA-256 is what a receipt binds,
// and anyone who has the spec can compute it.

import { toJson } from '@bufbuild/protobuf'
import { type Bytes, canonicalBytes, type Json } from '@vorta/core'
import { type JobSpec, JobSpecSchema } from './gen/vorta/v1/job_pb.ts'

export const canonicalSpec = (spec: JobSpec): Bytes =>
  canonicalBytes(toJson(JobSpecSchema, spec) as Json)
