export * from '../gen/prometheus/remote_pb.ts'
