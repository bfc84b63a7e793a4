// The API as TypeScript: generated from proto/vorta/v1 by `make api`.

export * from './errors.ts'
export * from './gen/vorta/v1/artifact_pb.ts'
export * from './gen/vorta/v1/attestation_pb.ts'
export * from './gen/vorta/v1/cluster_pb.ts'
export * from './gen/vorta/v1/job_pb.ts'
export * from './gen/vorta/v1/mainframe_pb.ts'
export * from './gen/vorta/v1/policy_pb.ts'
export * from './gen/vorta/v1/receipt_pb.ts'
export * from './gen/vorta/v1/release_pb.ts'
export * from './gen/vorta/v1/worker_pb.ts'
export * from './spec.ts'
